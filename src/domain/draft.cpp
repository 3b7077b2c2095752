#include "domain/draft.hpp"

#include <algorithm>

#include "core/blanks.hpp"

namespace relevo {

std::vector<DraftBubbles::Part> DraftBubbles::add(std::string_view text) {
    std::vector<Part> parts;
    while (!text.empty()) {
        const auto word = std::min(text.find_first_not_of(blanks), text.size());
        blanks_ += text.substr(0, word);
        text.remove_prefix(word);
        const auto visible = text.substr(0, text.find_first_of(blanks));
        if (visible.empty()) break;
        text.remove_prefix(visible.size());

        // Two line ends with nothing but blanks between them are a blank line.
        const bool blank_line = started_ && std::count(blanks_.begin(), blanks_.end(), '\n') >= 2;
        const bool next = blank_line && index_ + 1 < max_bubbles_;
        if (next) ++index_;
        std::string gap = !started_ || next ? "" : blank_line ? "\n\n" : std::move(blanks_);
        if (parts.empty() || parts.back().index != index_) parts.push_back({index_, ""});
        parts.back().text += gap;
        parts.back().text += visible;
        blanks_.clear();
        started_ = true;
    }
    return parts;
}

}  // namespace relevo
