#include "core/random.hpp"
#include "core/trace.hpp"
#include "domain/records.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

/// The texts that a record's headers, its key and our ids are made of.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = text_of(data, size);
    if (const auto time = from_iso8601(text))
        require(to_iso8601(*time) == text, "a time is written in one way");
    if (const auto id = parse_uuid(text)) require(parse_uuid(format_uuid(*id)) == id, "an id is itself");

    HeaderViews headers;
    headers.expires = from_iso8601(text);
    require(headers.expires || is_expired(headers, SysTime{}), "what has no expiry is expired");

    const auto trace = trace_id(text);
    require(trace.empty() || trace.size() == 32, "a trace's name has 32 digits");
    require(trace.find_first_not_of("0123456789abcdef") == std::string_view::npos,
            "and they are hexadecimal");
    SeededRandom random(7);
    const std::string child = child_traceparent(text, random);
    require(trace_id(child).size() == 32, "a child has a trace");
    require(trace.empty() || trace_id(child) == trace, "a child keeps its trace");
    require(text.starts_with(fairness_key(text)), "whoever takes turns is named first");
    return 0;
}
