#include "core/backoff.hpp"

#include <algorithm>
#include <cmath>

namespace relevo {

Millis backoff(const RetrySchedule& schedule, int attempt, std::optional<Millis> retry_after, Random& random) {
    const double full = std::min(static_cast<double>(schedule.max.count()),
                                 static_cast<double>(schedule.first.count()) * std::pow(schedule.factor, attempt - 1));
    const Millis wait{static_cast<std::int64_t>(full / 2 + full / 2 * random.uniform())};
    return std::max(wait, retry_after.value_or(Millis{0}));
}

}  // namespace relevo
