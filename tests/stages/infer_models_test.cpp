#include "stages/infer.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/stages/infer.hpp"

namespace relevo {

TEST_CASE("where an agent's model fails for good its fallback answers, and the step says who did") {
    Fallback agent;
    agent.first = {{bad_key}};
    CHECK(std::holds_alternative<Emit>(agent.run()));
    CHECK(agent.calls == std::vector<std::string>{"uno with first/API_KEY", "dos with second/API_KEY"});
    CHECK(agent.it.store.bubbles == std::vector<std::string>{"Hola de dos."});
    const Completion& step = agent.it.store.committed;
    CHECK(step.provider == "second");
    REQUIRE(step.in_vain.size() == 1);
    CHECK(step.in_vain[0].provider == "first");
    CHECK(step.in_vain[0].model == "uno");
    CHECK(step.in_vain[0].code == "model.bad_key");
}

TEST_CASE("a blip is no reason to change the model, an outage is") {
    Fallback blip;
    blip.first = {{away}};
    blip.run();
    CHECK(blip.it.store.committed.provider == "first");
    CHECK(blip.it.store.committed.in_vain.empty());
    Fallback outage;
    outage.first = {{away}, {away}};
    outage.run();
    CHECK(outage.calls.size() == 3);
    CHECK(outage.it.store.committed.provider == "second");
    Fallback busy;
    busy.first = {{Error{Fault::transient, "model.rate_limited", "later", Millis{20'000}}}};
    busy.run();
    CHECK(busy.calls.size() == 2);
}

TEST_CASE(
    "a model that does not begin in time, or not end, gives way to the next, and its draft is withdrawn") {
    Fallback mute;
    mute.first = {{.begins = Millis{80'000}}};
    const SysTime began = mute.it.clock.now();
    mute.run();
    CHECK(mute.it.store.committed.provider == "second");
    CHECK(mute.it.clock.now() - began <= Millis{20'000});
    CHECK(mute.it.store.committed.in_vain.front().code == "model.timeout");
    Fallback slow;
    slow.first = {{.begins = Millis{1'000}, .ends = Millis{80'000}}};
    slow.run();
    CHECK(slow.it.store.committed.provider == "second");
    const auto& told = slow.it.live.told;
    CHECK(std::any_of(told.begin(), told.end(),
                      [](const auto& event) { return event.find("withdrawn") != std::string::npos; }));
}

TEST_CASE("the last model may take its time, and all calls together stay below the pipeline's limit") {
    Fallback agent;
    agent.first = {{.begins = Millis{80'000}}};
    agent.second = {{.begins = Millis{60'000}}};
    agent.run();
    CHECK(agent.it.store.committed.provider == "second");
    Fallback endless;
    endless.it.store.inference.agent.fallbacks = {{"second", "", "dos", ""}, {"second", "", "tres", ""}};
    endless.first = endless.second = {{.ends = Millis{500'000}}, {.ends = Millis{500'000}}};
    const SysTime began = endless.it.clock.now();
    CHECK(endless.failure() == "model.timeout");
    CHECK(endless.it.clock.now() - began < Millis{110'000});
}

TEST_CASE("what a provider's policy refuses is not asked of the next one") {
    Fallback agent;
    agent.first = {{Error{Fault::permanent, "model.refused", "policy"}}};
    CHECK(agent.failure() == "model.refused");
    CHECK(agent.calls.size() == 1);
}

TEST_CASE("one server's key is not told to another") {
    Fallback agent;
    agent.it.store.inference.agent.fallbacks = {{"second", "https://elsewhere", "dos", ""},
                                                {"second", "https://elsewhere", "tres", "own"}};
    agent.first = agent.second = {{bad_key}};
    agent.run();
    CHECK(agent.calls ==
          std::vector<std::string>{"uno with first/API_KEY", "dos with ", "tres with own/API_KEY"});
}

TEST_CASE(
    "an outage of all models is tried again, for two minutes: then the turn ends, and never in silence") {
    Fallback agent;
    agent.first = {{bad_key}};
    agent.second = {{away}, {away}};
    CHECK(agent.failure() == "model.unavailable");  // tried again
    CHECK(agent.it.store.code.empty());
    agent.it.clock.set(agent.it.clock.now() + Millis{120'000});
    agent.first = agent.second = {{away}, {away}, {away}, {away}};
    const Outcome outcome = agent.run();
    CHECK(std::get<Emit>(outcome).records.size() == 1);
    CHECK(agent.it.store.code == "model.unavailable");
    CHECK(agent.it.live.told.back().starts_with(desk_channel));  // a human may have been called
}

TEST_CASE("a turn that comes two minutes late is not ended by one bad moment of its model") {
    InferFixture it;
    it.store.inference.agent.provider = "only";
    std::deque<ScriptedModel::Turn> turns{
        {Error{Fault::transient, "model.rate_limited", "later", Millis{20'000}}}};
    std::vector<std::string> calls;
    std::vector<std::unique_ptr<ModelProvider>> list;
    list.push_back(std::make_unique<ScriptedModel>("only", turns, calls, it.clock));
    ModelProviders models(std::move(list));
    Infer infer(it.store, models, it.channels, it.vault, it.live, it.clock);
    const Envelope request = it.request();
    it.clock.set(it.clock.now() + Millis{600'000});
    run_stage(infer, {request}, it.clock);
    CHECK(calls.size() == 2);
    CHECK_FALSE(it.store.bubbles.empty());
    CHECK(it.store.code.empty());
}

TEST_CASE("a key that does not open is passed over as a model that refuses it is") {
    Fallback agent;
    agent.it.vault.sealed = "first";
    agent.run();
    CHECK(agent.calls == std::vector<std::string>{"dos with second/API_KEY"});
    CHECK(agent.it.store.committed.in_vain.front().code == "vault.sealed_otherwise");
}

TEST_CASE("a provider that asks for a longer pause than a customer waits is not given it") {
    Fallback agent;
    const Error hour{Fault::transient, "model.rate_limited", "later", Millis{3'600'000}};
    agent.first = {{hour}};
    agent.second = {{hour}};
    try {
        agent.run();
        FAIL("nothing was thrown");
    } catch (const Failure& problem) {
        CHECK(problem.error().retry_after <= Millis{120'000});
    }
}

}  // namespace relevo
