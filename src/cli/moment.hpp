#pragma once

#include <optional>
#include <string_view>

#include "core/clock.hpp"

namespace relevo {

/// A time as a person types it: "now", "90s", "15m", "2h", "3d" ago, or ISO 8601 in UTC, as exact as wanted
/// ("2026-11-21", "2026-11-21T12:00", "2026-11-21T12:00:00.000Z"). Nothing for anything else.
std::optional<SysTime> parse_moment(std::string_view text, SysTime now);

}  // namespace relevo
