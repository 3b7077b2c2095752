#pragma once

#include <string>
#include <string_view>

#include "core/clock.hpp"

namespace relevo {

/// "250ms", "16s", "2m", "3h", "14d". Throws Failure "usage.invalid".
Millis parse_span(std::string_view text);

/// A moment as an operator types it: now, 2026-11-21, 2026-11-21T12:00, …:00:00, …:00:00.000, each with or
/// without Z and always UTC; or a span, which counts back from `now`. Throws Failure "usage.invalid".
SysTime parse_moment(std::string_view text, SysTime now);

/// "12 ms", "4.2 s", "3 min", "2 h 5 min", "9 d".
std::string human_span(Millis span);

/// 1234567 as "1,234,567".
std::string human_count(std::int64_t count);

}  // namespace relevo
