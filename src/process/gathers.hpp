#pragma once

#include <vector>

#include "gateway/health.hpp"
#include "process/shared.hpp"

namespace relevo {

/// What /metrics of a process tells besides what its stages and routes count themselves. Both outlive the
/// gathers.
std::vector<Gather> make_gathers(Shared& shared, BacklogStore& backlog);

}  // namespace relevo
