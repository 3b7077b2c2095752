#include "core/breaker.hpp"

#include <doctest/doctest.h>

namespace relevo {
namespace {

using End = Breaker::End;

constexpr SysTime start{Millis{1'700'000'000'000}};

struct Bench {
    Breaker breaker{{.failures = 3, .pauses = {Millis{5'000}, Millis{30'000}, Millis{300'000}}}};
    SysTime now = start;

    void fail(int times = 1) {
        for (int i = 0; i < times; ++i) breaker.ended(breaker.enter(now), End::failed, now);
    }
    void open() {
        fail(3);
        REQUIRE_FALSE(breaker.closed());
    }
};

}  // namespace

TEST_CASE("a breaker opens after so many failures in a row, and not before") {
    Bench it;
    it.fail(2);
    CHECK(it.breaker.enter(it.now).admitted);
    it.breaker.ended(it.breaker.enter(it.now), End::answered, it.now);
    it.fail(2);
    CHECK(it.breaker.closed());
    it.fail();
    CHECK_FALSE(it.breaker.closed());
    const auto refused = it.breaker.enter(it.now);
    CHECK_FALSE(refused.admitted);
    CHECK(refused.again == start + Millis{5'000});
}

TEST_CASE("after its pause an open breaker lets one probe through, and nobody beside it") {
    Bench it;
    it.open();
    it.now += Millis{4'999};
    CHECK_FALSE(it.breaker.enter(it.now).admitted);
    it.now += Millis{1};
    const auto probe = it.breaker.enter(it.now);
    CHECK(probe.admitted);
    const auto beside = it.breaker.enter(it.now);
    CHECK_FALSE(beside.admitted);
    CHECK(beside.probing);
    CHECK(beside.again == it.now + Millis{1'000});
    it.breaker.ended(probe, End::answered, it.now);
    CHECK(it.breaker.closed());
    CHECK(it.breaker.enter(it.now).admitted);
    CHECK(it.breaker.enter(it.now).admitted);
}

TEST_CASE("each probe that fails opens the breaker for longer, but never for more than a minute") {
    Bench it;
    it.open();
    for (const Millis pause : {Millis{5'000}, Millis{30'000}, Millis{60'000}, Millis{60'000}}) {
        it.now += pause - Millis{1};
        CHECK_FALSE(it.breaker.refusal(it.now) == std::nullopt);
        it.now += Millis{1};
        it.fail();
    }
    CHECK(it.breaker.openings() == 5);
    it.now += Millis{60'000};
    it.breaker.ended(it.breaker.enter(it.now), End::answered, it.now);
    CHECK(it.breaker.openings() == 0);
}

TEST_CASE("a pause that the other side asks for is the least of it") {
    Bench it;
    it.fail(2);
    it.breaker.ended(it.breaker.enter(it.now), End::failed, it.now, Millis{90'000});
    CHECK(it.breaker.enter(it.now).again == start + Millis{90'000});
}

TEST_CASE("a probe that is not made gives its place to the next one") {
    Bench it;
    it.open();
    it.now += Millis{5'000};
    it.breaker.ended(it.breaker.enter(it.now), End::not_tried, it.now);
    CHECK_FALSE(it.breaker.closed());
    CHECK(it.breaker.enter(it.now).admitted);
}

TEST_CASE("a probe that never ends is replaced, and what it says in the end counts for nothing") {
    Bench it;
    it.open();
    it.now += Millis{5'000};
    const auto lost = it.breaker.enter(it.now);
    it.now += Millis{90'000};
    const auto next = it.breaker.enter(it.now);
    REQUIRE(next.admitted);
    it.breaker.ended(lost, End::answered, it.now);
    CHECK_FALSE(it.breaker.closed());
    it.breaker.ended(next, End::answered, it.now);
    CHECK(it.breaker.closed());
}

TEST_CASE("what began before the breaker opened neither closes it nor opens it for longer") {
    Bench it;
    const auto early = it.breaker.enter(it.now);
    const auto other = it.breaker.enter(it.now);
    it.open();
    it.breaker.ended(early, End::answered, it.now);
    it.breaker.ended(other, End::failed, it.now);
    CHECK(it.breaker.openings() == 1);
    CHECK(it.breaker.enter(it.now).again == start + Millis{5'000});
}

}  // namespace relevo
