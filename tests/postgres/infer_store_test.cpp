#include <doctest/doctest.h>
#include <fmt/format.h>

#include "postgres/shops.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

std::string lines(const Inference& inference) {
    std::string text;
    for (const auto& line : inference.history) {
        text += fmt::format("{}{}:{}\n", line.author == HistoryLine::Author::contact ? "c" : "a",
                            line.in_turn ? "*" : "", line.text);
    }
    return text;
}

}  // namespace

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

TEST_CASE("the prompt has what was delivered, the turn's own messages marked, and the frozen passages") {
    Fixture fixture;
    const TurnId first = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    const auto replies = fixture.answer(first, {"buenas", "¿qué buscás?"}, at(17));
    fixture.accept(fixture.ask(replies[0], at(17)), "p1", at(17));
    fixture.accept(fixture.ask(replies[1], at(21)), "p2", at(21));
    Inbound asked = inbound("2", "puntas");
    asked.metadata = "{\"referral\":\"ad\"}";
    const auto stored = run(fixture.resolve->store_message(fixture.account(), asked, at(30), "t"));
    const TurnId second = fixture.claim(stored, at(46));
    run(fixture.retrieve->freeze_step(fixture.ballet, second, {{"catalogue", "Puntas", "de satén", 0.5}},
                                      at(47)));
    run(fixture.retrieve->freeze_step(fixture.ballet, second, {}, at(48)));
    fixture.store("3", "y también bolsos", at(49));
    const auto inference = run(fixture.infer->load(fixture.ballet, second, 0));
    CHECK(inference.state == Inference::State::live);
    CHECK(lines(inference) == "c:hola\na:buenas\na:¿qué buscás?\nc*:puntas\n");
    REQUIRE(inference.passages.size() == 1);
    CHECK(inference.passages[0].title == "Puntas");
    CHECK(inference.shop == "Danza Clásica");
    CHECK(inference.agent.prompt == "Sos la vendedora de {STORE_NAME}.");
    CHECK(inference.metadata == "[{\"referral\": \"ad\"}]");
    CHECK(inference.to == Alias{"wa_id", "5491150000001"});
    CHECK(inference.account == "1001");
    CHECK(inference.last_message == "2");
}

TEST_CASE("dropped bubbles are not in the prompt, the superseded messages are answered") {
    Fixture fixture;
    const TurnId first = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    fixture.answer(first, {"nunca enviada"}, at(17));
    const TurnId second = fixture.claim(fixture.store("2", "puntas", at(18)), at(34));
    run(fixture.retrieve->freeze_step(fixture.ballet, second, {}, at(35)));
    CHECK(lines(run(fixture.infer->load(fixture.ballet, second, 0))) == "c*:hola\nc*:puntas\n");
}

TEST_CASE("bubbles on their way of a turn that lives on are part of the next prompt") {
    Fixture fixture;
    const TurnId first = fixture.claim(fixture.store("1", "hola", at(0)), at(60));
    fixture.answer(first, {"en camino"}, at(89));
    const TurnId second = fixture.claim(fixture.store("2", "¿hola?", at(80)), at(96));
    run(fixture.retrieve->freeze_step(fixture.ballet, second, {}, at(97)));
    CHECK(lines(run(fixture.infer->load(fixture.ballet, second, 0))) == "c:hola\na:en camino\nc*:¿hola?\n");
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

TEST_CASE("nothing is answered after a take-over during the model call, and the turn says why") {
    Fixture fixture;
    const auto stored = fixture.store("1", "hola", at(0));
    const TurnId turn = fixture.claim(stored, at(16));
    CHECK(run(fixture.handoff->take_over(fixture.ballet, stored.conversation, at(17))));
    CHECK(fixture.answer(turn, {"tarde"}, at(18)).empty());
    CHECK(run(fixture.infer->fail_turn(fixture.ballet, turn, "model.timeout", at(18))).empty());
    CHECK(fixture.test.query("SELECT status, reason FROM turns") == "dropped|human");
    CHECK(fixture.test.query("SELECT count(*) FROM replies") == "0");
}

TEST_CASE("a failed turn is told with one bubble, once") {
    Fixture fixture;
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    const auto replies = run(fixture.infer->fail_turn(fixture.ballet, turn, "model.bad_key", at(17)));
    REQUIRE(replies.size() == 1);
    CHECK(run(fixture.retrieve->fail_turn(fixture.ballet, turn, "other", at(18))) == replies);
    CHECK(fixture.test.query("SELECT status, reason FROM turns") == "failed|model.bad_key");
    const auto claim = fixture.ask(replies[0], at(18));
    CHECK(claim.state == ReplyClaim::State::send);
    CHECK(claim.text.substr(0, 9) == "Disculpá");
}

TEST_CASE("an answered turn that fails afterwards keeps its answer") {
    Fixture fixture;
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    const auto replies = fixture.answer(turn, {"uno", "dos"}, at(17));
    CHECK(run(fixture.infer->fail_turn(fixture.ballet, turn, "late", at(18))) == replies);
    CHECK(fixture.turn_status(turn) == "answered");
}

TEST_CASE("an answer without bubbles closes its turn") {
    Fixture fixture;
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    CHECK(fixture.answer(turn, {}, at(17)).empty());
    CHECK(fixture.turn_status(turn) == "answered");
}

TEST_CASE("a dropped turn is over with its reason, has no bubbles, and an answered one stays answered") {
    Fixture fixture;
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    run(fixture.infer->drop_turn(fixture.ballet, turn, "expired", at(17)));
    run(fixture.retrieve->drop_turn(fixture.ballet, turn, "again", at(18)));
    const auto inference = run(fixture.infer->load(fixture.ballet, turn, 0));
    CHECK(inference.state == Inference::State::over);
    CHECK(inference.reason == "expired");
    CHECK(fixture.answer(turn, {"tarde"}, at(19)).empty());
    CHECK(run(fixture.infer->fail_turn(fixture.ballet, turn, "x", at(20))).empty());
    const TurnId next = fixture.claim(fixture.store("2", "¿hola?", at(30)), at(46));
    const auto replies = fixture.answer(next, {"buenas"}, at(47));
    run(fixture.infer->drop_turn(fixture.ballet, next, "expired", at(48)));
    CHECK(fixture.turn_status(next) == "answered");
    CHECK(fixture.ask(replies[0], at(49)).state == ReplyClaim::State::send);
}
