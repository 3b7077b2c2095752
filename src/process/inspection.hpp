#pragma once

#include "cli/config.hpp"
#include "cli/inspection.hpp"

namespace relevo {

/// Asks the servers that `config` names; it outlives the inspection.
std::unique_ptr<Inspection> make_inspection(const Config& config);

}  // namespace relevo
