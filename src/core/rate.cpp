#include "core/rate.hpp"

#include <algorithm>

namespace relevo {

std::int64_t next_slot(std::span<const RateBucket> buckets, std::int64_t now) {
    std::int64_t slot = now;
    for (const auto& [rate, empty_at] : buckets) {
        slot = std::max(slot, empty_at - (rate.burst - 1) * rate.every.count());
    }
    return slot;
}

void take_slot(std::span<RateBucket> buckets, std::int64_t slot) {
    for (auto& [rate, empty_at] : buckets) empty_at = std::max(empty_at, slot) + rate.every.count();
}

}  // namespace relevo
