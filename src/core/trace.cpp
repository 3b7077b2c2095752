#include "core/trace.hpp"

namespace relevo {

std::string new_traceparent(Random& random) {
    return "00-" + random.hex(16) + "-" + random.hex(8) + "-01";
}

std::string_view trace_id(std::string_view traceparent) {
    constexpr std::size_t length = 55;
    if (traceparent.size() < length || traceparent[2] != '-' || traceparent[35] != '-') return {};
    return traceparent.substr(3, 32);
}

std::string child_traceparent(std::string_view parent, Random& random) {
    const auto trace = trace_id(parent);
    if (trace.empty()) return new_traceparent(random);
    return "00-" + std::string(trace) + "-" + random.hex(8) + "-01";
}

}  // namespace relevo
