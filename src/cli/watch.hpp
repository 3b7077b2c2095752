#pragma once

#include <functional>

#include "core/error.hpp"

namespace relevo {

/// Calls `look` at once and then every `interval`, until it says no or SIGINT or SIGTERM comes.
void watch(Millis interval, const std::function<bool()>& look);

}  // namespace relevo
