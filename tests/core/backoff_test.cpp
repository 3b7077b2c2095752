#include "core/backoff.hpp"

#include <doctest/doctest.h>

namespace relevo {
namespace {

struct Fixed final : Random {
    explicit Fixed(double its_value) : value(its_value) {}
    double uniform() override { return value; }
    std::string hex(std::size_t) override { return {}; }
    double value;
};

const RetrySchedule schedule{Millis{100}, 2.0, Millis{10'000}, Millis{60'000}};

}  // namespace

TEST_CASE("waits double from attempt to attempt, up to the longest") {
    Fixed most(1.0);
    CHECK(backoff(schedule, 1, {}, most) == Millis{100});
    CHECK(backoff(schedule, 2, {}, most) == Millis{200});
    CHECK(backoff(schedule, 5, {}, most) == Millis{1'600});
    CHECK(backoff(schedule, 8, {}, most) == Millis{10'000});
    CHECK(backoff(schedule, 10'000, {}, most) == Millis{10'000});
}

TEST_CASE("half of the wait is random, so that those who failed together come back apart") {
    Fixed least(0.0);
    CHECK(backoff(schedule, 3, {}, least) == Millis{200});
    SeededRandom random(1);
    for (int n = 0; n < 1'000; ++n) {
        const Millis wait = backoff(schedule, 3, {}, random);
        REQUIRE(wait >= Millis{200});
        REQUIRE(wait <= Millis{400});
    }
}

TEST_CASE("what the other side asked for is the least") {
    Fixed most(1.0);
    CHECK(backoff(schedule, 1, Millis{30'000}, most) == Millis{30'000});
    CHECK(backoff(schedule, 8, Millis{1}, most) == Millis{10'000});
}

}  // namespace relevo
