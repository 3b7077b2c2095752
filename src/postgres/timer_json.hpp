#pragma once

#include "core/json_object.hpp"
#include "core/outcome.hpp"

namespace relevo {

/// What op_park takes; more may be added.
JsonObject timer_json(const Timer& timer);

}  // namespace relevo
