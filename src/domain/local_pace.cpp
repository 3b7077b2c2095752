#include "domain/local_pace.hpp"

#include <algorithm>

namespace relevo {

Task<Millis> LocalPace::take(std::vector<PaceBucket> buckets, Millis patience) {
    const std::int64_t now = to_millis(clock_.now()) * 1'000;
    forget_empty(now);
    std::vector<RateBucket> rates;
    for (const auto& [key, rate] : buckets) {
        const auto found = empty_at_.find(key);
        const Rate own{std::max(1, rate.burst / workers_), rate.every * workers_};
        rates.push_back({own, found == empty_at_.end() ? 0 : found->second});
    }
    const std::int64_t slot = next_slot(rates, now);
    const auto wait =
        std::chrono::ceil<Millis>(std::chrono::microseconds(slot - now));  // a moment too early is refused
    if (wait > patience) co_return wait;
    take_slot(rates, slot);
    for (std::size_t i = 0; i < buckets.size(); ++i) empty_at_[buckets[i].key] = rates[i].empty_at;
    co_return wait;
}

void LocalPace::share_with(int workers) {
    workers_ = std::max(1, workers);
}

void LocalPace::forget_empty(std::int64_t now) {
    if (empty_at_.size() < look_at_) return;
    std::erase_if(empty_at_, [now](const auto& bucket) { return bucket.second <= now; });
    look_at_ = std::max<std::size_t>(1'024, 2 * empty_at_.size());
}

}  // namespace relevo
