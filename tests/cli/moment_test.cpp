#include "cli/moment.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("a time is a moment ago or as exact as it is typed") {
    const SysTime now = *from_iso8601("2026-11-21T12:00:00.000Z");
    CHECK(parse_moment("now", now) == now);
    CHECK(parse_moment("90s", now) == now - std::chrono::seconds(90));
    CHECK(parse_moment("15m", now) == now - std::chrono::minutes(15));
    CHECK(parse_moment("3d", now) == now - std::chrono::hours(72));
    CHECK(parse_moment("2026-11-21T12:00:00.000Z", now) == now);
    CHECK(parse_moment("2026-11-21T12:00Z", now) == now);
    CHECK(parse_moment("2026-11-21T12:00:00", now) == now);
    CHECK(parse_moment("2026-11-21", now) == now - std::chrono::hours(12));
    for (const auto* wrong : {"", "soon", "15", "15x", "-5m", "2026-11-2", "2026-13-45", "21/11/2026"}) {
        CAPTURE(wrong);
        CHECK_FALSE(parse_moment(wrong, now));
    }
}
