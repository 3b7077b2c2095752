#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"

namespace relevo {

struct StageLag {
    std::string stage;
    std::int64_t behind = 0;  ///< in the log and in no lane
    std::int64_t held = 0;    ///< taken and not settled
    std::optional<int> workers{};
};

/// Of every stage, over its partitions. Empty, with a word on standard error, where Kafka is away: an
/// operator asks when things are broken.
std::vector<StageLag> stage_lags(const Commands& commands);

/// Those that have something to do.
Lagging lagging_stages(const std::vector<StageLag>& lags);

/// What is open for less is in flight: rule of the runtime that no stage holds a record for more than two
/// minutes, and a message passes five.
inline constexpr Millis in_flight_bound{600'000};

}  // namespace relevo
