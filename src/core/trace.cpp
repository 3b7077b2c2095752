#include "core/trace.hpp"

namespace relevo {

namespace {

std::string traceparent(std::string_view trace, std::string_view span) {
    std::string out;
    out.reserve(55);
    return out.append("00-").append(trace).append("-").append(span).append("-01");
}

}  // namespace

std::string new_traceparent(Random& random) {
    return traceparent(random.hex(16), random.hex(8));
}

std::string_view trace_id(std::string_view traceparent) {
    constexpr std::size_t length = 55;
    if (traceparent.size() < length || traceparent[2] != '-' || traceparent[35] != '-') return {};
    return traceparent.substr(3, 32);
}

std::string child_traceparent(std::string_view parent, Random& random) {
    const auto trace = trace_id(parent);
    if (trace.empty()) return new_traceparent(random);
    return traceparent(trace, random.hex(8));
}

}  // namespace relevo
