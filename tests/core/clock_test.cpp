#include "core/clock.hpp"

#include <doctest/doctest.h>

#include "core/random.hpp"

namespace relevo {

TEST_CASE("a moment is written as ISO 8601 in UTC") {
    CHECK(to_iso8601(from_millis(0)) == "1970-01-01T00:00:00.000Z");
    CHECK(to_iso8601(from_millis(1'700'000'000'123)) == "2023-11-14T22:13:20.123Z");
    CHECK(to_iso8601(from_millis(-1)) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("what was written is read back") {
    SeededRandom random(3);
    for (int n = 0; n < 1'000; ++n) {
        const SysTime time = from_millis(static_cast<std::int64_t>(random.below(253'402'300'799'999)));
        REQUIRE(from_iso8601(to_iso8601(time)) == time);
    }
}

TEST_CASE("other forms are no moments") {
    for (const auto* text :
         {"", "2023-11-14", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.123", "2023-02-29T00:00:00.000Z",
          "2023-13-01T00:00:00.000Z", "2023-01-01T24:00:00.000Z", "2023-01-01T00:60:00.000Z",
          "2023-01-01T23:59:60.000Z", "2023-01-01T00:00:00.00xZ", "2023-01-01 00:00:00.000Z",
          "2023-01-01T00:00:00.000Z "}) {
        CAPTURE(text);
        CHECK_FALSE(from_iso8601(text));
    }
}

}  // namespace relevo
