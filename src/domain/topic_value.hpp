#pragma once

#include <optional>
#include <string_view>

#include "core/error.hpp"

namespace relevo {

/// Why the stage that reads the topic (or `timers`) cannot read this value; nothing where it can.
std::optional<Error> unreadable(std::string_view topic, std::string_view value);

}  // namespace relevo
