#include <doctest/doctest.h>

#include "postgres/shops.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("of two answers to one turn the first stays and both callers get its bubbles") {
    Fixture fixture(8);
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    run(fixture.retrieve->freeze_step(fixture.ballet, turn, {}, at(17)));
    std::vector<Task<std::vector<ReplyId>>> tasks;
    for (int i = 0; i < 10; ++i) {
        std::vector<std::string> bubbles(static_cast<std::size_t>(i % 3 + 1), "versión " + std::to_string(i));
        tasks.push_back(fixture.infer->commit_answer(fixture.ballet, turn, 0, {}, bubbles, at(18)));
    }
    const auto answers = run_all(std::move(tasks));
    for (const auto& answer : answers) CHECK(answer == answers[0]);
    CHECK(fixture.test.query("SELECT count(DISTINCT text) FROM replies") == "1");
    const auto again = run(fixture.infer->load(fixture.ballet, turn, 0));
    CHECK(again.state == Inference::State::answered);
    CHECK(again.replies == answers[0]);
}

TEST_CASE("the prompt has the shop's and the agent's names and what the messages carry beside their text") {
    Fixture fixture;
    Inbound asked = inbound("1", "puntas");
    asked.metadata = "{\"referral\":\"ad\"}";
    const auto stored = run(fixture.resolve->store_message(fixture.account(), asked, at(0), "t"));
    const auto inference = run(fixture.infer->load(fixture.ballet, fixture.claim(stored, at(16)), 0));
    CHECK(inference.shop == "Danza Clásica");
    CHECK(inference.agent.prompt == "Sos la vendedora de {STORE_NAME}.");
    CHECK(inference.metadata == "[{\"referral\": \"ad\"}]");
}

TEST_CASE("a turn keeps the agent that it began with") {
    Fixture fixture;
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    run(fixture.retrieve->freeze_step(fixture.ballet, turn, {}, at(17)));
    ShopSpec changed = ballet_spec();
    changed.agent.prompt = "Otra persona.";
    run(apply_shop(fixture.database, fixture.key, changed, fixture.random));
    CHECK(run(fixture.infer->load(fixture.ballet, turn, 0)).agent.prompt ==
          "Sos la vendedora de {STORE_NAME}.");
}
