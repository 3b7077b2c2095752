#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "core/ids.hpp"

namespace relevo {

/// Which offsets of one partition, during one assignment, are done. Offsets may finish in any order; only
/// what has nothing unfinished before it may be committed. No I/O, no clock.
class OffsetTracker {
  public:
    /// A record was handed to a lane. Offsets come in rising order, possibly with gaps (compaction, markers).
    void began(Offset offset);
    /// Its effects are durable. Unknown or repeated offsets do nothing.
    void finished(Offset offset);
    /// The next offset to read after a restart: the first unfinished one, or one past the last; nothing before the
    /// first record.
    std::optional<Offset> committable() const;
    /// One past the last record handed out; nothing before the first.
    std::optional<Offset> dispatched() const;
    /// Handed out and not finished.
    std::size_t unfinished() const { return unfinished_; }

  private:
    enum class State : std::uint8_t { gap, open, done };
    std::int64_t base_ = -1;     // the offset of states_.front(), or the next expected one when empty
    std::deque<State> states_;
    std::size_t unfinished_ = 0;
};

}  // namespace relevo
