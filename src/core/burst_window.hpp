#pragma once

#include <cstddef>

#include "core/clock.hpp"

namespace relevo {

/// When a burst counts as one: after `quiet` without a message, at most `max_wait` after the first, at most
/// `max_count` messages.
struct BurstPolicy {
    Millis quiet{16'000};     ///< people write several bubbles in a row; 16 s is what the shops asked for
    Millis max_wait{60'000};  ///< someone who never pauses is still answered
    std::size_t max_count = 20;
};

/// One open window. Time is the log's: the moment a record was appended.
class BurstWindow {
  public:
    explicit BurstWindow(SysTime opened) : opened_(opened), last_(opened) {}

    /// Whether a record appended at `appended` belongs here, rather than to the next window.
    bool takes(SysTime appended) const;
    /// Counts a message in; `appended` never lies before an earlier one's.
    void add(SysTime appended, const BurstPolicy& policy);
    /// The moment from which no further record belongs here.
    SysTime closes_at() const { return closes_at_; }
    bool full() const { return full_; }

  private:
    SysTime opened_;
    SysTime last_;
    SysTime closes_at_{};
    std::size_t count_ = 0;
    bool full_ = false;
};

}  // namespace relevo
