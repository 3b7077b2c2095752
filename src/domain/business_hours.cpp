#include "domain/business_hours.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace relevo {
namespace {

constexpr std::array<std::string_view, 7> day_names{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr int day_minutes = 24 * 60;

std::optional<int> parse_day(std::string_view name) {
    const auto found = std::ranges::find(day_names, name);
    if (found == day_names.end()) return std::nullopt;
    return static_cast<int>(found - day_names.begin()) + 1;
}

// "09:30" as minutes; "24:00" is a day's end.
std::optional<int> parse_time(std::string_view text) {
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
    if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4))
        return std::nullopt;
    const int hour = (text[0] - '0') * 10 + (text[1] - '0');
    const int minute = (text[3] - '0') * 10 + (text[4] - '0');
    const int minutes = hour * 60 + minute;
    if (minute > 59 || minutes > day_minutes) return std::nullopt;
    return minutes;
}

struct Span {
    int from;
    int to;
};

std::optional<Span> parse_span(std::string_view text) {
    if (text.size() != 11 || text[5] != '-') return std::nullopt;
    const auto from = parse_time(text.substr(0, 5));
    const auto to = parse_time(text.substr(6));
    if (!from || !to || *from == *to || *from == day_minutes) return std::nullopt;
    return Span{*from, *to};
}

std::optional<std::vector<int>> parse_days(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = parse_day(text.substr(0, dash));
    const auto last = dash == text.npos ? first : parse_day(text.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    std::vector<int> days{*first};
    while (days.back() != *last) days.push_back(days.back() % 7 + 1);
    return days;
}

std::optional<std::vector<Span>> parse_spans(std::string_view text) {
    std::vector<Span> spans;
    while (!text.empty()) {
        const auto blank = std::min(text.find(' '), text.size());
        if (blank > 0) {
            const auto span = parse_span(text.substr(0, blank));
            if (!span) return std::nullopt;
            spans.push_back(*span);
        }
        text.remove_prefix(std::min(blank + 1, text.size()));
    }
    if (spans.empty()) return std::nullopt;
    return spans;
}

std::string time_text(int minutes) {
    return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
}

}  // namespace

Result<std::vector<OpenHours>> parse_open_hours(std::string_view days, std::string_view spans) {
    const auto parsed_days = parse_days(days);
    if (!parsed_days) {
        return Error{Fault::permanent, "hours.invalid",
                     "expected days as mon, sat or mon-fri, of mon tue wed thu fri sat sun"};
    }
    const auto parsed_spans = parse_spans(spans);
    if (!parsed_spans) {
        return Error{Fault::permanent, "hours.invalid", "expected times as \"09:00-13:00 16:00-20:00\""};
    }
    std::vector<OpenHours> out;
    for (const int day : *parsed_days) {
        for (const auto& [from, to] : *parsed_spans) {
            if (from < to) {
                out.push_back({day, from, to});
                continue;
            }
            out.push_back({day, from, day_minutes});
            if (to > 0) out.push_back({day % 7 + 1, 0, to});
        }
    }
    return out;
}

std::string open_hours_text(const std::vector<OpenHours>& hours) {
    std::string out;
    int day = 0;
    for (const auto& it : hours) {
        if (it.day < 1 || it.day > 7) continue;
        if (it.day != day) {
            out.append(out.empty() ? "" : ", ").append(day_names[static_cast<std::size_t>(it.day) - 1]);
        }
        day = it.day;
        out += fmt::format(" {}-{}", time_text(it.from), time_text(it.to));
    }
    return out;
}

}  // namespace relevo
