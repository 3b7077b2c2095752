#include <doctest/doctest.h>

#include "tests/runtime/worker_bench.hpp"

namespace relevo {

TEST_CASE(
    "incident 18: records were fetched while none completed, here at the cap no more are taken until some "
    "are") {
    StageSpec spec;
    spec.limits.records = 10;
    SlowStage slow(Millis{5'000}, spec);
    WorkerBench& it = slow.bench;
    for (int n = 0; n < 30; ++n) it.fetch({{"1:" + std::to_string(n), std::to_string(n)}});
    it.run_for(Millis{1'000});
    CHECK(it.calls == 10);
    CHECK(it.source.waiting() == 20);
    it.run_for(Millis{5'000});
    CHECK(it.calls == 20);
    it.run_for(Millis{20'000});
    CHECK(it.published.size() == 30);
    CHECK(it.has("commit 0:30"));
}

TEST_CASE("incident 18: what never completes holds no more than the cap, for ever") {
    StageSpec spec;
    spec.limits.records = 10;
    spec.stuck_after = Millis{1'000'000'000};
    SlowStage slow(Millis{1'000'000'000}, spec);
    WorkerBench& it = slow.bench;
    for (int n = 0; n < 1'000; ++n) it.fetch({{"1:" + std::to_string(n), std::to_string(n)}});
    it.run_for(Millis{3'600'000});
    CHECK(it.calls == 10);
    CHECK(it.source.waiting() == 990);
}

TEST_CASE("incident 18: the size of what was taken is capped as well") {
    StageSpec spec;
    spec.limits.bytes = 1'000;
    SlowStage slow(Millis{5'000}, spec);
    WorkerBench& it = slow.bench;
    for (int n = 0; n < 10; ++n) it.fetch({{"1:" + std::to_string(n), std::string(400, 'x')}});
    it.run_for(Millis{1'000});
    CHECK(it.calls == 3);
}

TEST_CASE("incident 18: of the places for running work a tenant has its share only") {
    StageSpec spec;
    spec.limits.running = 8;
    spec.limits.running_per_tenant = 2;
    SlowStage slow(Millis{5'000}, spec);
    WorkerBench& it = slow.bench;
    for (int n = 0; n < 20; ++n) it.fetch({{"1:" + std::to_string(n), std::to_string(n)}});
    it.fetch({{"2:a", "other"}});
    it.run_for(Millis{1'000});
    CHECK(it.calls == 3);
    CHECK(it.has("handle other"));
}

TEST_CASE("incident 18: windows that fill the cap are closed, the oldest first, so that the log moves on") {
    StageSpec spec;
    spec.lane = Lanes::Policy::burst;
    spec.limits.records = 10;
    SlowStage slow(Millis{10}, spec);
    WorkerBench& it = slow.bench;
    for (int n = 0; n < 30; ++n) it.fetch({{"1:" + std::to_string(n), std::to_string(n)}});
    it.run_for(Millis{15'000});  // less than any window lasts
    CHECK(it.calls >= 20);
    CHECK(it.source.waiting() == 0);
    CHECK(it.journal[it.place("handle 0")] == "handle 0");
    CHECK(it.place("handle 0") < it.place("handle 5"));
}

}  // namespace relevo
