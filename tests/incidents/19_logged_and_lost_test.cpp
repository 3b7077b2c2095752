#include "tests/runtime/worker_bench.hpp"
#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

Failure permanent() {
    return Failure({Fault::permanent, "record.malformed", "no such field"});
}

Texts texts_after_outage(SimSettings settings) {
    Shop it(std::move(settings), {Millis{1'000}, Millis{5'000}, 20});
    it.world.write(it.shop, "ana", "hola");
    while (it.world.log.all("turns.ready").empty()) it.world.run_for(Millis{1});
    it.world.settings.rates.store_refuses = 1;
    it.world.run_for(Millis{30'000});
    it.world.settings.rates.store_refuses = 0;
    CHECK(it.world.settle());
    return it.texts();
}

}  // namespace

TEST_CASE(
    "incident 19: an invalid record was logged and committed, here it is a dead letter before anything "
    "else") {
    WorkerBench it([](std::vector<std::string> values, int) -> Task<Outcome> {
        if (values.front() == "bad") throw permanent();
        std::vector<Record> out;
        out.push_back({"output", "key", values.front(), {}});
        co_return Emit{std::move(out)};
    });
    it.before_bury = [&]() -> Task<void> { co_await it.clock.sleep_until(it.clock.now() + Millis{2'000}); };
    it.fetch({{"1:a", "bad"}, {"1:a", "good"}});
    it.run_for(Millis{1'500});
    CHECK_FALSE(it.has("commit 0:1"));
    CHECK_FALSE(it.has("handle good"));
    it.run_for(Millis{1'500});
    REQUIRE(it.letters.size() == 1);
    CHECK(it.letters.front().value == "bad");
    CHECK(it.has("publish good"));
    CHECK(it.has("commit 0:2"));
}

TEST_CASE("incident 19: while no dead letter can be written nothing is committed") {
    bool away = true;
    WorkerBench it([](std::vector<std::string>, int) -> Task<Outcome> {
        throw permanent();
        co_return Emit{};
    });
    it.before_bury = [&]() -> Task<void> {
        if (away) throw Failure({Fault::transient, "postgres.unavailable", "away"});
        co_return;
    };
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{200'000});
    CHECK(it.calls == 1);
    CHECK_FALSE(it.has("commit 0:1"));
    CHECK(it.parked.empty());
    away = false;
    it.run_for(Millis{15'000});
    CHECK(it.letters.size() == 1);
    CHECK(it.has("commit 0:1"));
}

TEST_CASE("incident 19: an invalid record in any topic is kept, and the conversation beside it is answered") {
    Shop it;
    it.world.poisoned = true;
    std::size_t topics = 0;
    for (const auto& stage : it.world.pipeline.stages) {
        if (stage.input == timers_input) continue;
        Record poison{stage.input, "1:poison", "{", {}};
        poison.headers.id = "poison-" + stage.name;
        poison.headers.installation = "sim";
        it.world.log.append(poison);
        ++topics;
    }
    it.world.write(it.shop, "ana", "hola");
    it.check_well();
    CHECK(it.texts() == Texts{"hello", "re hola", "bye"});
    CHECK(it.world.database.dead_letters.size() == topics);
    for (const auto& [place, letter] : it.world.database.dead_letters) CHECK(letter.value == "{");
}

TEST_CASE("incident 19: what fails for now is tried again, and lost where a stage drops it") {
    CHECK(texts_after_outage({}) == Texts{"hello", "re hola", "bye"});
    CHECK(texts_after_outage(with_bug("failed-and-forgotten")).empty());
}

}  // namespace relevo
