#include "cli/moments.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "cli/usage.hpp"

namespace relevo {
namespace {

struct Unit {
    std::string_view name;
    std::int64_t millis;
};
constexpr std::array<Unit, 5> units{
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

std::optional<Millis> span_of(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    constexpr std::int64_t most = 36'500;  // a hundred years in days: no product overflows
    if (error != std::errc() || number < 0 || number > most * 86'400) return std::nullopt;
    const std::string_view name(end, text.data() + text.size());
    for (const auto& unit : units) {
        if (unit.name == name) return Millis{number * unit.millis};
    }
    return std::nullopt;
}

}  // namespace

Millis parse_span(std::string_view text) {
    if (const auto span = span_of(text)) return *span;
    throw misused(fmt::format("'{}' is no duration; write 250ms, 16s, 2m, 3h or 14d", text));
}

SysTime parse_moment(std::string_view text, SysTime now) {
    if (text == "now") return now;
    if (const auto span = span_of(text)) return now - *span;
    constexpr std::string_view shape = "0000-00-00T00:00:00.000";
    std::string full(text.ends_with('Z') ? text.substr(0, text.size() - 1) : text);
    if (full.size() > 10 && full[10] == ' ') full[10] = 'T';
    const bool whole = full.size() == 10 || full.size() == 16 || full.size() == 19 || full.size() == 23;
    if (whole) full += shape.substr(full.size());
    if (const auto moment = from_iso8601(full + "Z"); whole && moment) return *moment;
    throw misused(fmt::format(
        "'{}' is no time; write 2026-11-21, 2026-11-21T12:00 (UTC), or 3h for three hours ago", text));
}

std::string human_span(Millis span) {
    const std::int64_t millis = span.count();
    if (millis < 0) return "-" + human_span(-span);
    if (millis < 1'000) return fmt::format("{} ms", millis);
    if (millis < 60'000) return fmt::format("{:.1f} s", static_cast<double>(millis) / 1'000);
    const std::int64_t minutes = millis / 60'000;
    if (minutes < 60) return fmt::format("{} min", minutes);
    const std::int64_t hours = minutes / 60;
    if (hours >= 48) return fmt::format("{} d", hours / 24);
    return minutes % 60 == 0 ? fmt::format("{} h", hours) : fmt::format("{} h {} min", hours, minutes % 60);
}

std::string human_count(std::int64_t count) {
    std::string digits = std::to_string(count);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3) {
        digits.insert(static_cast<std::size_t>(at), ",");
    }
    return digits;
}

}  // namespace relevo
