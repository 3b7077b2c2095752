#include "core/trace.hpp"

#include <doctest/doctest.h>

namespace relevo {

TEST_CASE("a child is part of its parent's trace, under a span of its own") {
    SeededRandom random(1);
    const std::string parent = new_traceparent(random);
    const std::string child = child_traceparent(parent, random);
    CHECK(parent.size() == 55);
    CHECK(trace_id(parent).size() == 32);
    CHECK(trace_id(child) == trace_id(parent));
    CHECK(child != parent);
}

TEST_CASE("a parent that is none begins a new trace") {
    SeededRandom random(1);
    for (const auto* parent :
         {"", "00-abc", "nonsense", "00-0af7651916cd43dd8448eb211c8031\"c-b7ad6b7169203331-01"}) {
        CHECK(trace_id(parent).empty());
        CHECK(trace_id(child_traceparent(parent, random)).size() == 32);
    }
}

TEST_CASE("two traces are two traces") {
    SeededRandom random(1);
    CHECK(trace_id(new_traceparent(random)) != trace_id(std::string(new_traceparent(random))));
}

}  // namespace relevo
