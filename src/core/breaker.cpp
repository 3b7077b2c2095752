#include "core/breaker.hpp"

#include <algorithm>

namespace relevo {

std::optional<Breaker::Entry> Breaker::refusal(SysTime now) const {
    if (closed()) return std::nullopt;
    if (now < open_until_) return Entry{.admitted = false, .again = open_until_};
    if (probing_since_ && now < *probing_since_ + limits_.probe_within)
        return Entry{.admitted = false, .again = now + limits_.ask_again, .probing = true};
    return std::nullopt;
}

Breaker::Entry Breaker::enter(SysTime now) {
    if (auto refused = refusal(now)) return *refused;
    if (closed()) return {.admitted = true};
    probing_since_ = now;
    return {.admitted = true, .probe = ++probe_};
}

void Breaker::ended(const Entry& entry, End end, SysTime now, std::optional<Millis> pause) {
    if (closed()) {
        // also one that began before an outage of which somebody else has seen the end
        if (end == End::answered) failures_ = 0;
        if (end == End::failed && ++failures_ >= limits_.failures) open(now, pause);
        return;
    }
    // What began before it opened says nothing of now; nor does a probe that was given up.
    if (!probing_since_ || entry.probe != probe_) return;
    probing_since_.reset();
    if (end == End::answered) {
        failures_ = 0;
        openings_ = 0;
    } else if (end == End::failed) {
        open(now, pause);
    }
}

void Breaker::open(SysTime now, std::optional<Millis> pause) {
    ++openings_;
    const auto nth = std::min(static_cast<std::size_t>(openings_), limits_.pauses.size()) - 1;
    const Millis own = std::min(limits_.pauses[nth], limits_.longest_pause);
    open_until_ = now + std::max(own, pause.value_or(Millis{0}));
}

}  // namespace relevo
