#include "runtime/rerun.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "tests/runtime/envelopes.hpp"

namespace relevo {
namespace {

bool run(Task<bool> task) {
    boost::asio::io_context io;
    auto result = boost::asio::co_spawn(io, std::move(task), boost::asio::use_future);
    io.run();
    return result.get();
}

struct Echo final : Stage {
    explicit Echo(LogClock& its_clock) : clock(its_clock) {}
    std::string_view name() const override { return "echo"; }
    Task<Outcome> handle(std::span<const Envelope> records) override {
        const SysTime begun = clock.now();
        co_await clock.sleep_until(begun + Millis{40'000});
        waited = clock.now() - begun;
        if (records.front().value == "bad") throw Failure({Fault::permanent, "test.bad", "bad"});
        if (records.front().value == "away") throw Failure({Fault::transient, "test.away", "away"});
        co_return Drop{std::to_string(records.size())};
    }
    BurstPolicy window(const Envelope&) const override { return {Millis{1'000}, Millis{5'000}, 20}; }
    Task<Outcome> give_up(std::span<const Envelope>, Error) override { co_return Drop{"given up"}; }
    LogClock& clock;
    Millis waited{};
};

struct Bench {
    explicit Bench(Lanes::Policy policy)
        : stage(clock), reruns(stage, clock, policy, [this](const Rerun& rerun) { return note(rerun); }) {}
    bool note(const Rerun& rerun) {
        std::string line(rerun.records.front().value);
        if (rerun.outcome) line += " drop " + std::get<Drop>(*rerun.outcome).reason;
        if (rerun.error) line += " " + rerun.error->code;
        if (rerun.gave_up) line += " " + std::get<Drop>(*rerun.gave_up).reason;
        told.push_back(line);
        return told.size() < most;
    }
    bool add(std::string key, std::string value, std::int64_t offset, SysTime when) {
        return run(reruns.add(make_envelope(key, offset, when, value, "id-" + value, 0)));
    }
    std::size_t most = 100;
    LogClock clock;
    Echo stage;
    std::vector<std::string> told;
    Reruns reruns;
};

SysTime at(int seconds) {
    return from_millis(1'780'000'000'000 + seconds * 1'000);
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a stage that is given old records lives in their time and waits for nothing") {
    Bench bench(Lanes::Policy::one);
    CHECK(bench.add("1:a", "x", 0, at(5)));
    CHECK(bench.told == Lines{"x drop 1"});
    CHECK(bench.clock.now() == at(45));
    CHECK(bench.stage.waited == Millis{40'000});
    CHECK(bench.add("1:a", "y", 1, at(6)));
    CHECK(bench.clock.now() == at(46));
}

TEST_CASE("a rerun tries once, and says what giving up would have done") {
    Bench bench(Lanes::Policy::one);
    bench.add("1:a", "away", 0, at(0));
    bench.add("1:a", "bad", 1, at(1));
    bench.add("1:a", "good", 2, at(2));
    CHECK(bench.told == Lines{"away test.away", "bad test.bad given up", "good drop 1"});
}

TEST_CASE("bursts are cut as the log's time cut them") {
    Bench bench(Lanes::Policy::burst);
    bench.add("1:a", "a1", 0, at(0));
    bench.add("1:a", "a2", 1, at(0));
    bench.add("2:b", "b1", 2, at(10));
    CHECK(bench.told == Lines{"a1 drop 2"});
    CHECK(run(bench.reruns.end_partition()));
    CHECK(bench.told == Lines{"a1 drop 2", "b1 drop 1"});
}

TEST_CASE("whoever has seen enough ends the rerun") {
    Bench bench(Lanes::Policy::one);
    bench.most = 1;
    CHECK_FALSE(bench.add("1:a", "x", 0, at(0)));
}

}  // namespace relevo
