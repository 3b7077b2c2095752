#include "stages/infer.hpp"

#include <doctest/doctest.h>

#include "domain/records.hpp"
#include "tests/stages/infer.hpp"

namespace relevo {

TEST_CASE("each call of a model is reserved by itself, and those in vain are settled before the next") {
    Fallback agent;
    agent.it.store.inference.agent.max_output_tokens = 300;
    agent.it.store.inference.agent.prompt = "Sos Ana.";
    agent.first = {{.error = away, .silent = true}, {.error = away, .silent = true}};
    agent.run();
    const auto& store = agent.it.store;
    REQUIRE(store.reserved.size() == 3);
    CHECK(store.reserved[0].model == "uno");
    CHECK(store.reserved[1].model == "uno");
    CHECK(store.reserved[2].provider == "second");
    CHECK(store.reserved[2].model == "dos");
    CHECK(store.reserved[2].output_tokens == 300);
    CHECK(store.reserved[2].input_tokens > 300);  // the rules alone
    CHECK_FALSE(store.reserved[2].free);
    REQUIRE(store.in_vain.size() == 2);
    CHECK(store.in_vain[0].first == "model.unavailable");
    CHECK(store.in_vain[0].second.input_tokens == 0);
}

TEST_CASE(
    "a call that broke off is settled for the prompt and what was heard, one that was refused for nothing") {
    Fallback agent;
    agent.first = {{Error{Fault::permanent, "model.broken_stream", "broke"}}};
    agent.second = {{.error = bad_key, .silent = true}};
    agent.failure();
    const auto& in_vain = agent.it.store.in_vain;
    REQUIRE(in_vain.size() == 2);
    CHECK(in_vain[0].second.input_tokens > 50);
    CHECK(in_vain[0].second.output_tokens == 2);  // "Hola. "
    CHECK_FALSE(in_vain[0].second.reported);
    CHECK(in_vain[1].second.input_tokens == 0);

    Fallback broken;  // an error event in the midst of the answer
    broken.first = {{.error = bad_key}};
    broken.run();
    CHECK(broken.it.store.in_vain.at(0).second.input_tokens > 50);
}

TEST_CASE("an empty answer is settled for what its provider counted") {
    InferFixture it;
    it.text = " ";
    it.store.reservations = {{CallReservation::State::granted, "", {}, 3}};
    CHECK_THROWS_AS(it.run(), Failure);
    REQUIRE(it.store.in_vain.size() == 1);
    CHECK(it.store.in_vain[0].first == "model.empty");
    CHECK(it.store.in_vain[0].second.output_tokens == 7);
    CHECK(it.store.settled == std::vector<int>{3});
}

TEST_CASE(
    "a turn that finds its money reserved by open calls comes back, and asks no cheaper model meanwhile") {
    Fallback agent;
    agent.it.store.reservations = {{CallReservation::State::wait, "", {}}};
    const Outcome outcome = agent.run();
    REQUIRE(std::holds_alternative<Park>(outcome));
    const auto& park = std::get<Park>(outcome);
    CHECK(park.reason == "budget reserved");
    CHECK(park.timer.due - agent.it.clock.now() <= Millis{2'000});
    CHECK(park.timer.record.topic == topics::inferences_requested);
    CHECK(park.timer.record.headers.expires == agent.it.expires);
    CHECK(decode_turn_step(park.timer.record.value).value().tenant == TenantId{7});
    CHECK(agent.calls.empty());
    CHECK(agent.it.store.code.empty());
    // late ones too: what is only reserved ends no turn
    agent.it.clock.set(agent.it.clock.now() + Millis{600'000});
    agent.it.store.reservations = {{CallReservation::State::wait, "", {}}};
    CHECK(std::holds_alternative<Park>(agent.run()));
}

TEST_CASE("a turn that waits for money comes back to see that it expired") {
    Fallback agent;
    agent.it.expires = agent.it.clock.now() + Millis{500};
    agent.it.store.reservations = {{CallReservation::State::wait, "", {}}};
    const Outcome outcome = agent.run();
    CHECK(std::get<Park>(outcome).timer.due == agent.it.expires + Millis{1});
}

TEST_CASE(
    "where the money is spent a cheaper model may answer, and where none may the turn ends without a "
    "letter") {
    const CallReservation refused{
        CallReservation::State::refused, "exhausted", {"month", 1'000, 990, 20, "USD"}};
    Fallback cheaper;
    cheaper.it.store.reservations = {refused, {CallReservation::State::granted, "", {}, 4}};
    CHECK(std::holds_alternative<Emit>(cheaper.run()));
    CHECK(cheaper.it.store.committed.attempt == 4);
    CHECK(cheaper.it.store.committed.provider == "second");
    CHECK(cheaper.it.store.committed.in_vain.front().code == "budget.exhausted");
    CHECK(cheaper.it.store.in_vain.empty());  // nothing was reserved
    Fallback none;
    none.it.store.reservations = {refused, refused};
    CHECK(std::get<Emit>(none.run()).records.size() == 1);
    CHECK(none.it.store.code == "budget.exhausted");
    CHECK(none.calls.empty());
    CHECK(none.it.live.told.back().find("changed") != std::string::npos);
}

TEST_CASE("a model that cannot be bounded as its budget demands is none, and another one may answer") {
    const CallReservation bounded{CallReservation::State::granted, "", {}, 1, true};
    const Error unbounded{Fault::permanent, "model.unbounded", "takes no limit"};
    Fallback other;
    other.it.store.reservations = {bounded};
    other.first = {{unbounded}};
    CHECK(std::holds_alternative<Emit>(other.run()));
    CHECK(other.calls ==
          std::vector<std::string>{"uno with first/API_KEY, bounded", "dos with second/API_KEY"});
    CHECK(other.it.store.committed.in_vain.front().code == "model.unbounded");
    Fallback none;
    none.it.store.reservations = {bounded, bounded};
    none.first = none.second = {{unbounded}};
    CHECK(none.failure() == "model.unbounded");
}

TEST_CASE("a model that may come back, or that somebody can mend, says more than a budget") {
    const CallReservation refused{CallReservation::State::refused, "unpriced", {}};
    Fallback passes;
    passes.it.store.reservations = {refused};
    passes.second = {{away}, {away}};
    CHECK(passes.failure() == "model.unavailable");
    Fallback broken;
    broken.it.store.reservations = {refused};
    broken.second = {{bad_key}};
    CHECK(broken.failure() == "model.bad_key");
}

}  // namespace relevo
