// Assignments, caps, stuck handlers and the end of a worker.

#include <doctest/doctest.h>

#include "tests/runtime/worker_bench.hpp"

namespace relevo {
namespace {

// A stage that is quick, before a broker that takes `time` for each record.
struct SlowBroker {
    explicit SlowBroker(Millis time)
        : bench([](std::vector<std::string> values, int) -> Task<Outcome> {
              std::vector<Record> out;
              out.push_back({"output", "key", values.front(), {}});
              co_return Emit{std::move(out)};
          }) {
        bench.before_publish = [this, time](const std::vector<Record>&) {
            return bench.clock.sleep_until(bench.clock.now() + time);
        };
    }
    WorkerBench bench;
};

}  // namespace

TEST_CASE("a revocation waits for running handlers, commits, then gives the partition up") {
    SlowStage slow(Millis{2'000});
    WorkerBench& it = slow.bench;
    it.fetch({{"1:a", "x"}, {"1:a", "y"}});
    it.run_for(Millis{500});
    it.source.push(Revoked{{0}, false});
    it.run_for(Millis{1'000});
    CHECK_FALSE(it.has("release 0:1"));
    it.run_for(Millis{1'000});
    CHECK(it.has("release 0:1"));
    CHECK(it.place("publish x") < it.place("release 0:1"));
    it.run_for(Millis{60'000});
    CHECK(it.calls == 1);  // what waited is the new owner's
}

TEST_CASE("a handler that outlasts the grace of a revocation is cancelled and settles nothing") {
    SlowStage slow(Millis{20'000});
    WorkerBench& it = slow.bench;
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{500});
    it.source.push(Revoked{{0}, false});
    it.run_for(Millis{4'900});
    CHECK_FALSE(it.has("release"));
    it.run_for(Millis{2'000});
    CHECK(it.has("release"));
    it.run_for(Millis{60'000});
    CHECK(it.published.empty());
    CHECK_FALSE(it.has("commit 0:1"));
}

TEST_CASE(
    "a broker that outlasts the grace of a revocation settles nothing later, and other partitions go on") {
    SlowBroker slow(Millis{20'000});
    WorkerBench& it = slow.bench;
    it.source.push(Assigned{{1}});
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{500});
    it.source.push(Revoked{{0}, false});
    it.run_for(Millis{4'400});
    CHECK_FALSE(it.has("release"));
    it.run_for(Millis{2'000});
    CHECK(it.has("release"));
    it.fetch({{"1:b", "y"}}, 1);
    it.run_for(Millis{60'000});
    CHECK(it.has("publish x"));
    CHECK_FALSE(it.has("commit 0:1"));
    CHECK(it.has("commit 1:2"));
}

TEST_CASE("a worker that stops commits what the broker takes within its grace, and does not wait for more") {
    SlowBroker quick(Millis{3'000});
    quick.bench.fetch({{"1:a", "x"}});
    quick.bench.run_for(Millis{500});
    quick.bench.stop();
    quick.bench.run_for(Millis{3'000});
    CHECK(quick.bench.ended);
    CHECK(quick.bench.has("close 0:1"));

    SlowBroker slow(Millis{60'000});
    slow.bench.fetch({{"1:a", "x"}});
    slow.bench.run_for(Millis{500});
    slow.bench.stop();
    slow.bench.run_for(Worker::Grace{}.stop + Millis{200});
    CHECK(slow.bench.ended);
    CHECK_FALSE(slow.bench.has("close 0:1"));
}

TEST_CASE("a broker that takes its time is no stuck handler") {
    SlowBroker slow(Millis{150'000});
    slow.bench.fetch({{"1:a", "x"}});
    slow.bench.run_for(Millis{160'000});
    CHECK(slow.bench.calls == 1);
    CHECK(slow.bench.has("commit 0:1"));
    CHECK(slow.bench.metrics.text().find(R"(relevo_stuck_total{stage="test"} 0)") != std::string::npos);
}

TEST_CASE("a handler that only waits for its next attempt does not delay a revocation") {
    WorkerBench it([](std::vector<std::string>, int) -> Task<Outcome> {
        throw Failure({Fault::transient, "postgres.unavailable", "away", Millis{50'000}});
        co_return Emit{};
    });
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{500});
    it.source.push(Revoked{{0}, false});
    it.run_for(Millis{500});
    CHECK(it.has("release"));
}

TEST_CASE("other partitions go on while one is revoked") {
    SlowStage slow(Millis{1'000});
    WorkerBench& it = slow.bench;
    it.source.push(Assigned{{1}});
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{500});
    it.source.push(Revoked{{0}, false});
    it.next_offset = 0;
    it.fetch({{"1:b", "y"}}, 1);
    it.run_for(Millis{3'000});
    CHECK(it.has("release 0:1"));
    CHECK(it.has("commit 1:1"));
    CHECK_FALSE(it.has("release 1:1"));
}

TEST_CASE("a worker that stops lets its handlers end and commits them") {
    SlowStage slow(Millis{3'000});
    WorkerBench& it = slow.bench;
    it.fetch({{"1:a", "x"}, {"1:a", "y"}});
    it.run_for(Millis{500});
    it.stop();
    it.run_for(Millis{1'000});
    CHECK_FALSE(it.ended);
    it.run_for(Millis{2'000});
    CHECK(it.ended);
    CHECK(it.has("close 0:1"));
    CHECK(it.calls == 1);
}

TEST_CASE("a worker that stops does not wait longer than its grace") {
    SlowStage slow(Millis{60'000});
    WorkerBench& it = slow.bench;
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{500});
    it.stop();
    it.run_for(Worker::Grace{}.stop - Millis{100});
    CHECK_FALSE(it.ended);
    it.run_for(Millis{2'000});
    CHECK(it.ended);
    CHECK(it.published.empty());
    CHECK_FALSE(it.has("close 0:1"));
}

TEST_CASE("a handler that waits for its moment gives way at once, one that has begun goes on") {
    WorkerBench it([&it](std::vector<std::string> values, int) -> Task<Outcome> {
        const bool waits = values.front() == "waits";
        if (waits) {
            co_await boost::asio::this_coro::reset_cancellation_state(
                boost::asio::enable_partial_cancellation());
        }
        co_await it.clock.sleep_until(it.clock.now() + Millis{3'000});
        std::vector<Record> out;
        out.push_back({"output", "key", values.front(), {}});
        co_return Emit{std::move(out)};
    });
    it.fetch({{"1:a", "begun"}, {"1:b", "waits"}});
    it.run_for(Millis{500});
    it.source.push(Revoked{{0}, false});
    it.run_for(Millis{3'000});
    CHECK(it.published.size() == 1);
    CHECK(it.has("publish begun"));
    CHECK(it.has("release 0:1"));
    CHECK(it.parked.empty());
    it.run_for(Millis{60'000});
    CHECK(it.published.size() == 1);
}

TEST_CASE("an idle worker stops at once") {
    WorkerBench it([](std::vector<std::string>, int) -> Task<Outcome> { co_return Emit{}; });
    it.run_for(Millis{500});
    it.stop();
    it.run_for(Millis{1});
    CHECK(it.ended);
    CHECK(it.has("close"));
}

TEST_CASE("a worker whose source breaks ends its handlers and says so") {
    SlowStage slow(Millis{60'000});
    WorkerBench& it = slow.bench;
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{500});
    it.source.broken = true;
    CHECK_THROWS_AS(it.run_for(Millis{5'000}), Failure);
    CHECK(it.ended);
    CHECK_FALSE(it.has("close"));
    it.run_for(Millis{100'000});
    CHECK(it.published.empty());
}

TEST_CASE("a worker that dies in the middle of everything leaves nothing behind") {
    SlowStage slow(Millis{3'000});
    slow.bench.fetch({{"1:a", "x"}, {"1:b", "y"}});
    slow.bench.run_for(Millis{500});
    CHECK(slow.bench.calls > 0);
    CHECK(slow.bench.published.empty());
    // what it would leave, the sanitizers tell
}

}  // namespace relevo
