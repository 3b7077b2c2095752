#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace relevo {

/// A span of a day in which an agent answers, in the shop's time zone.
struct OpenHours {
    int day = 1;   ///< 1 Monday to 7 Sunday
    int from = 0;  ///< minutes since the day began
    int to = 0;    ///< up to here; 1440 is the day's end
    bool operator==(const OpenHours&) const = default;
};

/// What "mon-fri" and "09:00-13:00 16:00-20:00" say, day by day. "sat", "fri-mon" and "22:00-02:00" are taken
/// too: what goes past midnight is the next day's. Error "hours.invalid" says what would be right.
Result<std::vector<OpenHours>> parse_open_hours(std::string_view days, std::string_view spans);

/// As people read them: "mon 09:00-13:00 16:00-20:00, tue …"; empty for none.
std::string open_hours_text(const std::vector<OpenHours>& hours);

}  // namespace relevo
