#include "runtime/worker.hpp"

#include <doctest/doctest.h>

#include "tests/runtime/worker_bench.hpp"

namespace relevo {
namespace {

Outcome echo(const std::vector<std::string>& values) {
    std::vector<Record> out;
    for (const auto& value : values) out.push_back({"output", "key", value, {}});
    return Emit{std::move(out)};
}

Task<Outcome> forward(std::vector<std::string> values, int) {
    co_return echo(values);
}

Failure transient(std::optional<Millis> retry_after = std::nullopt) {
    return Failure({Fault::transient, "model.unavailable", "away", retry_after});
}
Failure permanent() {
    return Failure({Fault::permanent, "record.malformed", "no such field"});
}

}  // namespace

TEST_CASE("a record is published before it is committed") {
    WorkerBench it(forward);
    it.before_publish = [&](const std::vector<Record>&) -> Task<void> {
        co_await it.clock.sleep_until(it.clock.now() + Millis{1'000});
    };
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{900});
    CHECK(it.has("handle x"));
    CHECK_FALSE(it.has("commit 0:1"));
    it.run_for(Millis{500});
    REQUIRE(it.has("commit 0:1"));
    CHECK(it.place("publish x") < it.place("commit 0:1"));
    CHECK(it.settlements == Journal{"emit "});
}

TEST_CASE("an observer is told of each step as it is done") {
    int failures = 1;
    WorkerBench it([&](std::vector<std::string> values, int) -> Task<Outcome> {
        if (values.front() == "y") co_return Drop{"not wanted"};
        if (values.front() == "z" && failures-- > 0) throw transient();
        co_return echo(values);
    });
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{1'000});
    CHECK(it.steps ==
          Journal{"taken x", "handled x", "publish x", "published x", "settled x", "committed 1"});
    it.steps.clear();
    it.fetch({{"1:a", "y"}});
    it.run_for(Millis{1'000});
    CHECK(it.steps == Journal{"taken y", "handled y", "settled y", "committed 2"});
    it.steps.clear();
    it.fetch({{"1:a", "z"}});
    it.run_for(Millis{5'000});
    CHECK(it.steps ==
          Journal{"taken z", "handled z", "publish z", "published z", "settled z", "committed 3"});
}

TEST_CASE("what a stage emits carries who made it, why, for whom and until when") {
    WorkerBench it(forward);
    Fetched fetched;
    fetched.records.push_back(make_envelope("1:a", it.next_offset++, it.clock.now(), "x", "id"));
    fetched.records.back().headers.traceparent = "00-11111111111111111111111111111111-2222222222222222-01";
    it.source.push(std::move(fetched));
    it.run_for(Millis{100});
    REQUIRE(it.published.size() == 1);
    const Headers& headers = it.published.front().headers;
    CHECK(headers.type == "relevo.output.v1");
    CHECK(headers.source == "/relevo/test");
    CHECK(headers.subject == "key");
    CHECK(headers.installation == "here");
    CHECK(headers.traceparent.substr(0, 36) == "00-11111111111111111111111111111111-");
    CHECK(headers.traceparent.find("2222222222222222") == std::string::npos);
    REQUIRE(headers.expires);
    CHECK(*headers.expires - *headers.time == Millis{3'600'000});
}

TEST_CASE("a record of another installation makes records of that installation, with its expiry") {
    WorkerBench it(forward);
    const SysTime expires = it.clock.now() + Millis{5'000};
    Fetched fetched;
    fetched.records.push_back(make_envelope("1:a", it.next_offset++, it.clock.now(), "x", "id"));
    fetched.records.back().headers.installation = "there";
    fetched.records.back().headers.expires = expires;
    it.source.push(std::move(fetched));
    it.run_for(Millis{100});
    REQUIRE(it.published.size() == 1);
    CHECK(it.published.front().headers.installation == "there");
    CHECK(it.published.front().headers.expires == expires);
}

TEST_CASE(
    "a transient fault is tried again in its lane, later and later, and nothing is committed meanwhile") {
    WorkerBench it([](std::vector<std::string> values, int call) -> Task<Outcome> {
        if (call < 5) throw transient();
        co_return echo(values);
    });
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{600});
    CHECK(it.calls < 5);
    CHECK_FALSE(it.has("commit 0:1"));
    it.run_for(Millis{2'000});
    CHECK(it.calls == 5);
    CHECK(it.count("publish x") == 1);
    CHECK(it.has("commit 0:1"));
    CHECK(it.letters.empty());
}

TEST_CASE("an error that says when it is worth trying is believed") {
    WorkerBench it([](std::vector<std::string> values, int call) -> Task<Outcome> {
        if (call == 1) throw transient(Millis{30'000});
        co_return echo(values);
    });
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{29'900});
    CHECK(it.calls == 1);
    it.run_for(Millis{400});
    CHECK(it.calls == 2);
}

TEST_CASE("a fault that lasts parks the record as it came, and settles it") {
    WorkerBench it([](std::vector<std::string>, int) -> Task<Outcome> {
        throw transient();
        co_return Emit{};
    });
    const SysTime began = it.clock.now();
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{50'000});
    CHECK(it.parked.empty());
    it.run_for(Millis{15'000});
    REQUIRE(it.parked.size() == 1);
    CHECK(it.parked.front().record.topic == "input");
    CHECK(it.parked.front().record.key == "1:a");
    CHECK(it.parked.front().record.headers.id == "id-x");
    CHECK(it.parked.front().due - began >= Millis{60'000});
    CHECK(it.has("commit 0:1"));
    CHECK(it.settlements == Journal{"park model.unavailable"});
}

TEST_CASE("while even parking fails the record stays where it is") {
    WorkerBench it([](std::vector<std::string>, int) -> Task<Outcome> {
        throw transient();
        co_return Emit{};
    });
    it.before_park = []() -> Task<void> {
        throw transient();
        co_return;
    };
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{300'000});
    CHECK_FALSE(it.has("commit 0:1"));
    CHECK(it.calls > 20);  // every 10 s at the latest
    it.before_park = []() -> Task<void> { co_return; };
    it.run_for(Millis{15'000});
    CHECK(it.has("commit 0:1"));
}

TEST_CASE("while the database is away nothing is parked, so that no record overtakes another of its key") {
    bool away = true;
    WorkerBench it([&](std::vector<std::string> values, int) -> Task<Outcome> {
        if (away) throw Failure({Fault::transient, "postgres.unavailable", "away"});
        co_return echo(values);
    });
    it.fetch({{"1:a", "x"}, {"1:a", "y"}});
    it.run_for(Millis{100'000});
    CHECK(it.parked.empty());
    CHECK_FALSE(it.has("handle y"));
    away = false;
    it.run_for(Millis{15'000});
    CHECK(it.parked.empty());
    CHECK(it.place("publish x") < it.place("publish y"));
    CHECK(it.has("commit 0:2"));
}

TEST_CASE("a timer is a parked record already: it is not parked again") {
    StageSpec spec;
    spec.input = timers_input;
    WorkerBench it(
        [](std::vector<std::string>, int) -> Task<Outcome> {
            throw transient();
            co_return Emit{};
        },
        spec);
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{200'000});
    CHECK(it.parked.empty());
    CHECK_FALSE(it.has("commit 0:1"));
}

TEST_CASE("a permanent fault lets the stage give up, then leaves a dead letter, then settles") {
    WorkerBench it([](std::vector<std::string>, int) -> Task<Outcome> {
        throw permanent();
        co_return Emit{};
    });
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{1'000});
    REQUIRE(it.letters.size() == 1);
    const DeadLetter& letter = it.letters.front();
    CHECK(letter.stage == "test");
    CHECK(letter.topic == "input");
    CHECK(letter.key == "1:a");
    CHECK(letter.value == "x");
    CHECK(letter.code == "record.malformed");
    CHECK(letter.attempts == 1);
    CHECK(letter.headers == R"({"ce_id":"id-x"})");
    CHECK(it.place("give up record.malformed") < it.place("publish sorry"));
    CHECK(it.place("publish sorry") < it.place("bury x"));
    CHECK(it.place("bury x") < it.place("commit 0:1"));
    CHECK(it.has("commit 0:1"));
    CHECK(it.settlements == Journal{"dead record.malformed"});
}

TEST_CASE("a defect in a stage is a dead letter, not the end of the worker") {
    WorkerBench it([](std::vector<std::string> values, int) -> Task<Outcome> {
        if (values.front() == "bad") throw std::out_of_range("at");
        co_return echo(values);
    });
    it.fetch({{"1:a", "bad"}, {"1:a", "good"}});
    it.run_for(Millis{1'000});
    REQUIRE(it.letters.size() == 1);
    CHECK(it.letters.front().code == "stage.bug");
    CHECK(it.has("publish good"));
    CHECK_FALSE(it.ended);
}

TEST_CASE("a drop is settled, counted and has its reason") {
    WorkerBench it([](std::vector<std::string>, int) -> Task<Outcome> { co_return Drop{"erased"}; });
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{1'000});
    CHECK(it.has("commit 0:1"));
    CHECK(it.metrics.text().find(R"(relevo_drops_total{reason="erased",stage="test"} 1)") !=
          std::string::npos);
    CHECK(it.settlements == Journal{"drop erased"});
}

TEST_CASE("a stage may park what must wait, and the record is settled") {
    WorkerBench it([](std::vector<std::string>, int) -> Task<Outcome> {
        co_return Park{{from_millis(9'000'000'000'000), {"input", "1:a", "later", {}}}, "not yet"};
    });
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{1'000});
    REQUIRE(it.parked.size() == 1);
    CHECK(it.parked.front().due == from_millis(9'000'000'000'000));
    CHECK(it.parked.front().record.headers.installation == "here");
    CHECK(it.place("park later") < it.place("commit 0:1"));
}

TEST_CASE("a broker that is away makes the stage run again, and its records come once") {
    int failures = 3;
    WorkerBench it(forward);
    it.before_publish = [&](const std::vector<Record>&) -> Task<void> {
        if (failures-- > 0) throw Failure({Fault::transient, "kafka.unavailable", "away"});
        co_return;
    };
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{5'000});
    CHECK(it.calls == 4);
    CHECK(it.count("publish x") == 1);
    CHECK(it.has("commit 0:1"));
}

TEST_CASE("a record that the broker refuses is tried again alone, and others of its moment are settled") {
    WorkerBench it(forward);
    int failures = 2;
    it.before_publish = [&](const std::vector<Record>& records) -> Task<void> {
        if (records.front().value == "y" && failures-- > 0) {
            throw Failure({Fault::transient, "kafka.unavailable", "its partition has no leader"});
        }
        co_return;
    };
    it.fetch({{"1:a", "x"}, {"1:b", "y"}, {"2:c", "z"}});
    it.run_for(Millis{5'000});
    CHECK(it.count("handle x") == 1);
    CHECK(it.count("handle y") == 3);
    CHECK(it.count("handle z") == 1);
    CHECK(it.published.size() == 3);
    CHECK(it.place("commit 0:1") < it.place("publish y"));
    CHECK(it.has("commit 0:3"));
}

TEST_CASE("the next record of a key waits until what follows from the one before is durable") {
    WorkerBench it(forward);
    it.before_publish = [&](const std::vector<Record>&) {
        return it.clock.sleep_until(it.clock.now() + Millis{1'000});
    };
    it.fetch({{"1:a", "x"}, {"1:a", "y"}, {"1:b", "z"}});
    it.run_for(Millis{500});
    CHECK(it.calls == 2);
    CHECK_FALSE(it.has("handle y"));
    it.run_for(Millis{2'000});
    CHECK(it.place("publish x") < it.place("handle y"));
    CHECK(it.has("commit 0:3"));
}

TEST_CASE(
    "a record of a burst that is set aside is one dead letter and counted as one, however often the burst is "
    "tried") {
    StageSpec spec;
    spec.lane = Lanes::Policy::burst;
    WorkerBench* bench = nullptr;
    WorkerBench it(
        [&](std::vector<std::string> values, int call) -> Task<Outcome> {
            co_await bench->set_aside(1, {Fault::permanent, "record.malformed", "no such field"});
            if (call == 1) throw transient();
            co_return echo({values.front(), values.back()});
        },
        spec);
    bench = &it;
    it.window = {Millis{100}, Millis{1'000}, 3};
    it.fetch({{"1:a", "x"}, {"1:a", "poison"}, {"1:a", "y"}});
    it.run_for(Millis{10'000});
    CHECK(it.calls == 2);
    CHECK(it.count("bury poison") == 1);
    CHECK(it.has("commit 0:3"));
    const std::string text = it.metrics.text();
    CHECK(text.find(R"(relevo_records_total{outcome="emit",stage="test"} 2)") != std::string::npos);
    CHECK(text.find(R"(relevo_records_total{outcome="dead",stage="test"} 1)") != std::string::npos);
}

TEST_CASE("a burst is handled as one and settled together") {
    StageSpec spec;
    spec.lane = Lanes::Policy::burst;
    WorkerBench it(forward, spec);
    it.window = {Millis{16'000}, Millis{60'000}, 20};
    it.fetch({{"1:a", "x"}, {"1:a", "y"}, {"1:a", "z"}});
    it.source.push(ReachedEnd{0});
    it.run_for(Millis{15'900});
    CHECK(it.calls == 0);
    it.run_for(Millis{500});
    CHECK(it.calls == 1);
    CHECK(it.published.size() == 3);
    CHECK(it.has("commit 0:3"));
}

}  // namespace relevo
