#pragma once

#include <optional>
#include <vector>

#include "core/clock.hpp"

namespace relevo {

/// Keeps attempts away from a side that does not answer. Closed: all may pass. Open: none, until its pause is
/// over. Then one may probe: its end closes the breaker or opens it again, for longer. Pure: no I/O and no
/// clock of its own.
class Breaker {
  public:
    struct Limits {
        int failures = 5;  ///< in a row, while closed
        /// How long it stays open, by how often it opened in a row; the last one for all later times.
        std::vector<Millis> pauses{Millis{5'000}};
        Millis longest_pause{
            60'000};  ///< one probe a minute costs nothing, and finds the end of an outage soon
        /// A probe that has not ended by then never will: the next one takes its place.
        Millis probe_within{90'000};
        Millis ask_again{1'000};  ///< while a probe is out
    };
    explicit Breaker(Limits limits) : limits_(std::move(limits)) {}

    /// Who was let in says how it ended: `ended`, once.
    struct Entry {
        bool admitted = false;
        SysTime again{};       ///< where it was not: when to ask again
        bool probing = false;  ///< refused because a probe is out, which ends soon
        int probe = 0;         ///< not 0: it is the probe of this number
    };
    Entry enter(SysTime now);
    /// What `enter` would refuse with; takes no place.
    std::optional<Entry> refusal(SysTime now) const;

    enum class End { answered, failed, not_tried };
    /// `pause` is what the other side asked for.
    void ended(const Entry& entry, End end, SysTime now, std::optional<Millis> pause = std::nullopt);

    bool closed() const { return openings_ == 0; }
    int openings() const { return openings_; }  ///< in a row; 0 while closed

  private:
    void open(SysTime now, std::optional<Millis> pause);

    Limits limits_;
    int failures_ = 0;
    int openings_ = 0;
    SysTime open_until_{};
    int probe_ = 0;  // the number of the newest probe
    std::optional<SysTime> probing_since_;
};

}  // namespace relevo
