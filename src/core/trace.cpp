#include "core/trace.hpp"

#include <algorithm>

namespace relevo {

namespace {

std::string traceparent(std::string_view trace, std::string_view span) {
    std::string out;
    out.reserve(55);
    return out.append("00-").append(trace).append("-").append(span).append("-01");
}

bool is_hex_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

std::string new_traceparent(Random& random) {
    return traceparent(random.hex(16), random.hex(8));
}

std::string_view trace_id(std::string_view traceparent) {
    constexpr std::size_t length = 55;
    if (traceparent.size() < length || traceparent[2] != '-' || traceparent[35] != '-') return {};
    const auto id = traceparent.substr(3, 32);
    return std::ranges::all_of(id, is_hex_digit) ? id : std::string_view();
}

std::string child_traceparent(std::string_view parent, Random& random) {
    const auto trace = trace_id(parent);
    if (trace.empty()) return new_traceparent(random);
    return traceparent(trace, random.hex(8));
}

}  // namespace relevo
