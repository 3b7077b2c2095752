#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relevo {

/// Says of an answer that is still being written which bubble each part belongs to. Put together, the parts
/// of each index are what split_bubbles makes of the whole answer, the channel's limit aside: a draft that is
/// too long is cut only when it becomes a message.
class DraftBubbles {
  public:
    struct Part {
        int index;
        std::string text;  ///< never empty
        bool operator==(const Part&) const = default;
    };

    explicit DraftBubbles(int max_bubbles = 12) : max_bubbles_(max_bubbles) {}

    /// The parts that `text`, the next piece of the answer, allows to be shown. Blanks at its end are kept
    /// back: they show only if their bubble goes on.
    std::vector<Part> add(std::string_view text);

  private:
    int max_bubbles_;
    int index_ = 0;
    bool started_ = false;  // the bubble has text
    std::string blanks_;    // since the last character that is none
};

}  // namespace relevo
