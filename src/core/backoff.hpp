#pragma once

#include "core/error.hpp"
#include "core/random.hpp"

namespace relevo {

/// When to try again after a transient fault.
struct RetrySchedule {
    Millis first{100};
    double factor = 2.0;
    Millis max{10'000};
    /// After this much time in the lane a record is parked instead: nothing stays unsettled for longer than two
    /// minutes.
    Millis park_after{60'000};
};

/// The wait before attempt `attempt` + 1 (the first attempt is 1): exponential, half of it random so that
/// those who failed together do not come back together. An explicit `retry_after` is the least of it.
Millis backoff(const RetrySchedule& schedule, int attempt, std::optional<Millis> retry_after, Random& random);

}  // namespace relevo
