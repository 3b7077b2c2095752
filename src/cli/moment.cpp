#include "cli/moment.hpp"

#include <charconv>

namespace relevo {

std::optional<SysTime> parse_moment(std::string_view text, SysTime now) {
    if (text == "now") return now;
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error == std::errc() && end + 1 == text.data() + text.size() && count >= 0 && count < 1'000'000) {
        switch (*end) {
            case 's':
                return now - std::chrono::seconds(count);
            case 'm':
                return now - std::chrono::minutes(count);
            case 'h':
                return now - std::chrono::hours(count);
            case 'd':
                return now - std::chrono::hours(24 * count);
            default:
                return std::nullopt;
        }
    }
    constexpr std::string_view least = "0000-00-00T00:00:00.000Z";
    if (text.ends_with('Z')) text.remove_suffix(1);
    // what was left out is zero; up to a day, a minute, a second or a millisecond
    if (text.size() != 10 && text.size() != 16 && text.size() != 19 && text.size() != 23) return std::nullopt;
    return from_iso8601(std::string(text) + std::string(least.substr(text.size())));
}

}  // namespace relevo
