#pragma once

#include <chrono>
#include <cstdint>
#include <span>

namespace relevo {

/// So many at once, then one every so often. (The generic cell rate algorithm, as a bucket that leaks.)
struct Rate {
    int burst = 1;
    std::chrono::microseconds every{0};
};

/// One bucket of a rate. Times are microseconds since 1970.
struct RateBucket {
    Rate rate;
    std::int64_t empty_at = 0;  ///< when all that was taken will have leaked out
};

/// The earliest moment, not before `now`, at which each of the buckets has room for one more.
std::int64_t next_slot(std::span<const RateBucket> buckets, std::int64_t now);
/// Takes the slot: from each bucket.
void take_slot(std::span<RateBucket> buckets, std::int64_t slot);

}  // namespace relevo
