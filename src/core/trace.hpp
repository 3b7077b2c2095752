#pragma once

#include <string>
#include <string_view>

#include "core/random.hpp"

namespace relevo {

/// W3C trace context, version 00: "00-<32 hex trace id>-<16 hex span id>-01".
std::string new_traceparent(Random& random);
/// The same trace with a span of its own; a new trace where `parent` is not well-formed.
std::string child_traceparent(std::string_view parent, Random& random);
/// The 32 hex digits that join the records of one path, or nothing.
std::string_view trace_id(std::string_view traceparent);

}  // namespace relevo
