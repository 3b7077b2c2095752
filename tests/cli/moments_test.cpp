#include "cli/moments.hpp"

#include <doctest/doctest.h>

#include "core/error.hpp"

using namespace relevo;

TEST_CASE("a moment is a day, a time, or so long ago") {
    const SysTime now = *from_iso8601("2026-11-21T12:00:00.000Z");
    CHECK(parse_moment("now", now) == now);
    CHECK(to_iso8601(parse_moment("2026-11-20", now)) == "2026-11-20T00:00:00.000Z");
    CHECK(to_iso8601(parse_moment("2026-11-20T08:30", now)) == "2026-11-20T08:30:00.000Z");
    CHECK(to_iso8601(parse_moment("2026-11-20 08:30:15Z", now)) == "2026-11-20T08:30:15.000Z");
    CHECK(to_iso8601(parse_moment("2026-11-20T08:30:15.250Z", now)) == "2026-11-20T08:30:15.250Z");
    CHECK(to_iso8601(parse_moment("90m", now)) == "2026-11-21T10:30:00.000Z");
    CHECK(to_iso8601(parse_moment("2d", now)) == "2026-11-19T12:00:00.000Z");
    for (const auto* wrong :
         {"", "yesterday", "2026-13-01", "5", "-5m", "5 m", "2026-11-20T", "99999999999d"}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS(parse_moment(wrong, now), Failure);
    }
}

TEST_CASE("spans and counts read as people say them") {
    CHECK(human_span(Millis{12}) == "12 ms");
    CHECK(human_span(Millis{4'200}) == "4.2 s");
    CHECK(human_span(Millis{180'000}) == "3 min");
    CHECK(human_span(Millis{7'500'000}) == "2 h 5 min");
    CHECK(human_span(Millis{7'200'000}) == "2 h");
    CHECK(human_span(Millis{800'000'000}) == "9 d");
    CHECK(human_count(0) == "0");
    CHECK(human_count(999) == "999");
    CHECK(human_count(1'240) == "1,240");
    CHECK(human_count(10'000'000) == "10,000,000");
    CHECK(human_count(-1'000) == "-1,000");
    CHECK(human_count(-100) == "-100");
}
