#include "stages/wake.hpp"

#include <doctest/doctest.h>

#include "domain/timer_codec.hpp"
#include "tests/stages/fakes.hpp"

namespace relevo {

TEST_CASE("what was parked comes back as it was") {
    SimClock clock;
    Wake wake;
    Record parked{"replies.ready", "7:conversation", "{\"a\":1}", {}};
    parked.headers.id = "reply";
    parked.headers.installation = "here";
    parked.headers.expires = clock.now();
    Record timer{"timers", parked.key, encode_timer(parked), {}};
    const Outcome outcome = run_stage(wake, {envelope_of(timer)}, clock);
    const auto& emit = std::get<Emit>(outcome);
    REQUIRE(emit.records.size() == 1);
    const Record& back = emit.records.front();
    CHECK(back.topic == parked.topic);
    CHECK(back.key == parked.key);
    CHECK(back.value == parked.value);
    CHECK(back.headers.id == "reply");
    CHECK(back.headers.installation == "here");
    CHECK(back.headers.expires == clock.now());
}

TEST_CASE("a timer that cannot be read is a permanent fault") {
    SimClock clock;
    Wake wake;
    CHECK_THROWS_AS(run_stage(wake, {envelope_of({"timers", "k", "{}", {}})}, clock), Failure);
}

}  // namespace relevo
