#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "runtime/cluster.hpp"

namespace relevo {

/// One look at all groups.
struct LagSample {
    SysTime at;
    std::vector<PartitionLag> rows;
};

/// How far a group is, on one partition or, with partition -1, on all of them.
struct LagRow {
    PartitionLag now;
    std::optional<Millis> oldest_age{};  ///< of the oldest unsettled record
    std::optional<double> rate{};        ///< records settled a second; none without an earlier look
    std::optional<Millis>
        drains_in{};  ///< at this rate and what comes in; none: it does not, or nobody knows
};

/// The latest sample's rows; rates are against `before`, the look before it.
std::vector<LagRow> measure_lag(const LagSample& sample, const std::optional<LagSample>& before);
/// One row a group, in the order of their first partitions: sums, and the oldest of the oldest.
std::vector<LagRow> by_group(const LagSample& sample, const std::optional<LagSample>& before);

}  // namespace relevo
