#include <doctest/doctest.h>

#include "tests/contract/stores.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE_TEMPLATE("the prompt has what was delivered, the turn's own messages marked, up to the cut-off", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const TurnId first = stores.claim(stores.store("1", "hola", at(0)), at(16));
    const auto replies = stores.answer(first, {"buenas", "¿qué buscás?"}, at(17));
    stores.accept(stores.ask(replies[0], at(17)), "p1", at(17));
    stores.accept(stores.ask(replies[1], at(21)), "p2", at(21));
    stores.store("r", "👍", at(25), "5491150000001", InboundKind::reaction);
    const TurnId second = stores.claim(stores.store("2", "puntas", at(30)), at(46));
    stores.run(stores.retrieve->freeze_step(stores.ballet, second, {{"catalogue", "Puntas", "de satén", 0.5}},
                                            at(47)));
    stores.run(stores.retrieve->freeze_step(stores.ballet, second, {}, at(48)));
    stores.store("3", "y también bolsos", at(49));
    const auto inference = stores.run(stores.infer->load(stores.ballet, second, 0));
    CHECK(inference.state == Inference::State::live);
    CHECK(stores.history(second) == "c:hola\na:buenas\na:¿qué buscás?\nc*:puntas\n");
    REQUIRE(inference.passages.size() == 1);
    CHECK(inference.passages[0].title == "Puntas");
    CHECK(inference.to == Alias{"wa_id", "5491150000001"});
    CHECK(inference.channel == "whatsapp");
    CHECK(inference.account == "1001");
    CHECK(inference.last_message == "2");
}

TEST_CASE_TEMPLATE("a bubble that failed is not in the prompt, and of a long talk the last 40 lines are", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const TurnId first = stores.claim(stores.store("1", "hola", at(0)), at(16));
    const auto replies = stores.answer(first, {"perdida"}, at(17));
    stores.accept(stores.ask(replies[0], at(17)), "p1", at(17));
    stores.receipt(stores.account(), {"1001", "p1", "", ReceiptStatus::failed, {}, "131026", ""}, at(18));
    stores.echo("echo", "soy Eva", at(20));
    for (int i = 0; i < 39; ++i) stores.store("m" + std::to_string(i), "y", at(30 + i));
    const auto conversation = stores.store("last", "chau", at(80)).conversation;
    stores.give_back(conversation, at(81));
    const TurnId second = stores.claim(stores.store("2", "puntas", at(90)), at(106));
    std::string all;
    for (int i = 0; i < 39; ++i) all += "c:y\n";
    CHECK(stores.history(second) == all + "c:chau\nc*:puntas\n");
}

TEST_CASE_TEMPLATE("of a turn that does not exist there is nothing to say", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    stores.run(stores.retrieve->freeze_step(stores.ballet, TurnId{}, {}, at(1)));
    stores.run(stores.retrieve->drop_turn(stores.ballet, TurnId{}, "expired", at(1)));
    CHECK(stores.run(stores.retrieve->turn_text(stores.ballet, TurnId{})).state == TurnText::State::erased);
    CHECK(stores.run(stores.infer->load(stores.ballet, TurnId{}, 0)).state == Inference::State::erased);
    CHECK(stores.run(stores.infer->commit_answer(stores.ballet, TurnId{}, 0, {}, {"x"}, at(1))).empty());
    CHECK(stores.run(stores.infer->fail_turn(stores.ballet, TurnId{}, "x", at(1))).empty());
    CHECK(stores.ask(ReplyId{}, at(1)).reason == "erased");
    CHECK(stores.run(stores.relay->expire(stores.ballet, ReplyId{}, at(1))).reason == "erased");
    CHECK_FALSE(stores.take_over(ConversationId{}, at(1)));
    CHECK_FALSE(stores.give_back(ConversationId{}, at(1)));
}

TEST_CASE_TEMPLATE("dropped bubbles are not in the prompt, the superseded messages are answered", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const TurnId first = stores.claim(stores.store("1", "hola", at(0)), at(16));
    stores.answer(first, {"nunca enviada"}, at(17));
    const TurnId second = stores.claim(stores.store("2", "puntas", at(18)), at(34));
    stores.run(stores.retrieve->freeze_step(stores.ballet, second, {}, at(35)));
    CHECK(stores.history(second) == "c*:hola\nc*:puntas\n");
}

TEST_CASE_TEMPLATE("bubbles on their way of a turn that lives on are part of the next prompt", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const TurnId first = stores.claim(stores.store("1", "hola", at(0)), at(60));
    stores.answer(first, {"en camino"}, at(89));
    const TurnId second = stores.claim(stores.store("2", "¿hola?", at(80)), at(96));
    stores.run(stores.retrieve->freeze_step(stores.ballet, second, {}, at(97)));
    CHECK(stores.history(second) == "c:hola\na:en camino\nc*:¿hola?\n");
}

TEST_CASE_TEMPLATE("nothing is answered after a take-over during the model call, and the turn says why", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto stored = stores.store("1", "hola", at(0));
    const TurnId turn = stores.claim(stored, at(16));
    CHECK(stores.take_over(stored.conversation, at(17)));
    CHECK(stores.answer(turn, {"tarde"}, at(18)).empty());
    CHECK(stores.run(stores.infer->fail_turn(stores.ballet, turn, "model.timeout", at(18))).empty());
    CHECK(stores.status(turn) == "dropped: human");
    CHECK(stores.count("reply ") == 0);
}

TEST_CASE_TEMPLATE("a failed turn is told with one bubble, once", S, SimulatedStores, PostgresStores) {
    S stores;
    const TurnId turn = stores.claim(stores.store("1", "hola", at(0)), at(16));
    const auto replies = stores.run(stores.infer->fail_turn(stores.ballet, turn, "model.bad_key", at(17)));
    REQUIRE(replies.size() == 1);
    CHECK(stores.run(stores.retrieve->fail_turn(stores.ballet, turn, "other", at(18))) == replies);
    CHECK(stores.status(turn) == "failed: model.bad_key");
    const auto claim = stores.ask(replies[0], at(18));
    CHECK(claim.state == ReplyClaim::State::send);
    CHECK(claim.text == "fallback");
}

TEST_CASE_TEMPLATE(
    "the first answer of a conversation discloses, though it is committed twice, later ones do not", S,
    SimulatedStores, PostgresStores) {
    S stores;
    const auto is_first = [&](TurnId turn) {
        return stores.run(stores.infer->load(stores.ballet, turn, 0)).is_first_answer;
    };
    const TurnId first = stores.claim(stores.store("1", "hola", at(0)), at(16));
    CHECK(is_first(first));
    const auto replies = stores.answer(first, {"hola"}, at(17), {"soy un programa", "hola"});
    CHECK(replies.size() == 2);
    CHECK(stores.answer(first, {"hola"}, at(18), {"soy un programa", "hola"}) == replies);
    const auto claim = stores.ask(replies[0], at(18));
    CHECK(claim.text == "soy un programa");
    stores.accept(claim, "p1", at(18));
    // the other bubble is dropped with its turn: the customer has the sentence nevertheless
    const auto stored = stores.store("2", "¿y?", at(20));
    const TurnId second = stores.claim(stored, at(36));
    CHECK_FALSE(is_first(second));
    stores.take_over(stored.conversation, at(37));
    stores.give_back(stored.conversation, at(38));
    const TurnId third = stores.claim(stores.store("3", "puntas", at(40)), at(56));
    CHECK_FALSE(is_first(third));
    CHECK(stores.answer(third, {"tenemos"}, at(57), {"soy un programa", "tenemos"}).size() == 1);
    // somebody else's conversation is another one
    const TurnId other = stores.claim(stores.store("4", "hola", at(60), "5491150000002"), at(76));
    CHECK(stores.answer(other, {"hola"}, at(77), {"soy un programa", "hola"}).size() == 2);
}

TEST_CASE_TEMPLATE("an answer of which nothing was sent does not use the disclosure up", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const std::vector<std::string> disclosing{"soy un programa", "hola"};
    const TurnId dropped = stores.claim(stores.store("1", "hola", at(0)), at(16));
    stores.run(stores.infer->drop_turn(stores.ballet, dropped, "expired", at(17)));
    const TurnId superseded = stores.claim(stores.store("2", "¿hola?", at(20)), at(36));
    CHECK(stores.answer(superseded, {"hola"}, at(37), disclosing).size() == 2);
    const auto stored = stores.store("3", "puntas", at(38));
    const TurnId taken = stores.claim(stored, at(54));
    CHECK(stores.status(superseded) == "superseded");
    CHECK(stores.answer(taken, {"hola"}, at(55), disclosing).size() == 2);
    stores.take_over(stored.conversation, at(56));
    stores.give_back(stored.conversation, at(57));
    const TurnId refused = stores.claim(stores.store("4", "sigo", at(60)), at(76));
    const auto replies = stores.answer(refused, {"hola"}, at(77), disclosing);
    CHECK(replies.size() == 2);
    stores.refuse(stores.ask(replies[0], at(77)), Fault::permanent, "whatsapp.undeliverable", {}, at(78));
    const TurnId last = stores.claim(stores.store("5", "¿y?", at(100)), at(116));
    CHECK(stores.run(stores.infer->load(stores.ballet, last, 0)).is_first_answer);
    CHECK(stores.answer(last, {"hola"}, at(117), disclosing).size() == 2);
}

TEST_CASE_TEMPLATE("of two turns that are open at once the one that is read first discloses", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    bool later_was_sent = false;
    SUBCASE("the later one is answered first, and waits") {}
    SUBCASE("the later one is answered first, and sent") {
        later_was_sent = true;
    }
    const std::vector<std::string> disclosing{"soy un programa", "hola"};
    const TurnId first = stores.claim(stores.store("1", "hola", at(0)), at(16));
    // its first message is too old for it to be superseded
    const TurnId second = stores.claim(stores.store("2", "¿hola?", at(95)), at(111));
    CHECK(stores.run(stores.infer->load(stores.ballet, first, 0)).is_first_answer);
    CHECK(stores.run(stores.infer->load(stores.ballet, second, 0)).is_first_answer);
    const auto later = stores.answer(second, {"hola"}, at(112), disclosing);
    CHECK(later.size() == 2);
    if (later_was_sent) stores.accept(stores.ask(later[0], at(112)), "p1", at(112));
    CHECK(stores.run(stores.infer->load(stores.ballet, first, 0)).is_first_answer != later_was_sent);
    CHECK(stores.answer(first, {"hola"}, at(113), disclosing).size() == (later_was_sent ? 1 : 2));
}

TEST_CASE_TEMPLATE("an answer that waits behind one that discloses does not", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const std::vector<std::string> disclosing{"soy un programa", "hola"};
    const TurnId first = stores.claim(stores.store("1", "hola", at(0)), at(16));
    const TurnId second = stores.claim(stores.store("2", "¿hola?", at(95)), at(111));
    CHECK(stores.answer(first, {"hola"}, at(112), disclosing).size() == 2);
    CHECK(stores.answer(second, {"hola"}, at(113), disclosing).size() == 1);
}

TEST_CASE_TEMPLATE("the sentence in place of an answer discloses where it goes out before one that does", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    stores.disclose("I am a program.");
    const TurnId first = stores.claim(stores.store("1", "hola", at(0)), at(16));
    const TurnId second = stores.claim(stores.store("2", "¿hola?", at(95)), at(111));
    CHECK(stores.answer(second, {"hola"}, at(112), {"I am a program.", "hola"}).size() == 2);
    const auto replies = stores.run(stores.infer->fail_turn(stores.ballet, first, "model.timeout", at(113)));
    CHECK(stores.ask(replies.at(0), at(114)).text == "I am a program.\n\nfallback");
}

TEST_CASE_TEMPLATE("the sentence in place of a first answer discloses too, and no answer does after it", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    stores.disclose("I am a program.");
    const TurnId turn = stores.claim(stores.store("1", "hola", at(0)), at(16));
    const auto replies = stores.run(stores.infer->fail_turn(stores.ballet, turn, "model.bad_key", at(17)));
    REQUIRE(replies.size() == 1);
    const auto claim = stores.ask(replies[0], at(18));
    CHECK(claim.text == "I am a program.\n\nfallback");
    stores.accept(claim, "p1", at(18));
    const TurnId next = stores.claim(stores.store("2", "¿hola?", at(30)), at(46));
    CHECK(stores.answer(next, {"hola"}, at(47), {"I am a program.", "hola"}).size() == 1);
    const TurnId last = stores.claim(stores.store("3", "¿y?", at(50)), at(66));
    const auto again = stores.run(stores.infer->fail_turn(stores.ballet, last, "model.bad_key", at(67)));
    REQUIRE(again.size() == 1);
    CHECK(stores.ask(again[0], at(70)).text == "fallback");
}

TEST_CASE_TEMPLATE("an answered turn that fails afterwards keeps its answer", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const TurnId turn = stores.claim(stores.store("1", "hola", at(0)), at(16));
    const auto replies = stores.answer(turn, {"uno", "dos"}, at(17));
    CHECK(stores.run(stores.infer->fail_turn(stores.ballet, turn, "late", at(18))) == replies);
    CHECK(stores.status(turn) == "answered");
}

TEST_CASE_TEMPLATE("an answer without bubbles closes its turn", S, SimulatedStores, PostgresStores) {
    S stores;
    const TurnId turn = stores.claim(stores.store("1", "hola", at(0)), at(16));
    CHECK(stores.answer(turn, {}, at(17)).empty());
    CHECK(stores.status(turn) == "answered");
}

TEST_CASE_TEMPLATE(
    "a dropped turn is over with its reason, has no bubbles, and an answered one stays answered", S,
    SimulatedStores, PostgresStores) {
    S stores;
    const TurnId turn = stores.claim(stores.store("1", "hola", at(0)), at(16));
    stores.run(stores.infer->drop_turn(stores.ballet, turn, "expired", at(17)));
    stores.run(stores.retrieve->drop_turn(stores.ballet, turn, "again", at(18)));
    const auto inference = stores.run(stores.infer->load(stores.ballet, turn, 0));
    CHECK(inference.state == Inference::State::over);
    CHECK(inference.reason == "expired");
    CHECK(stores.answer(turn, {"tarde"}, at(19)).empty());
    CHECK(stores.run(stores.infer->fail_turn(stores.ballet, turn, "x", at(20))).empty());
    const TurnId next = stores.claim(stores.store("2", "¿hola?", at(30)), at(46));
    const auto replies = stores.answer(next, {"buenas"}, at(47));
    stores.run(stores.infer->drop_turn(stores.ballet, next, "expired", at(48)));
    CHECK(stores.status(next) == "answered");
    CHECK(stores.ask(replies[0], at(49)).state == ReplyClaim::State::send);
}

TEST_CASE_TEMPLATE("a turn hides from the model what its shop hid when it was frozen, whatever is set since",
                   S, SimulatedStores, PostgresStores) {
    S stores;
    const auto hidden = [&](TurnId turn) {
        return stores.run(stores.infer->load(stores.ballet, turn, 0)).hidden;
    };
    const TurnId turn = stores.claim(stores.store("1", "hola", at(0)), at(16));
    CHECK(hidden(turn) == all_personal_kinds());
    stores.redact({PersonalKind::card, PersonalKind::iban});
    CHECK(hidden(turn).size() == 2);  // nobody froze it yet
    stores.run(stores.retrieve->freeze_step(stores.ballet, turn, {}, at(17)));
    stores.redact({});
    CHECK(hidden(turn) == PersonalKinds{PersonalKind::card, PersonalKind::iban});
    stores.run(stores.infer->commit_answer(stores.ballet, turn, 0, {}, {}, at(18)));
    const TurnId next = stores.claim(stores.store("2", "¿y?", at(30)), at(46));
    stores.run(stores.retrieve->freeze_step(stores.ballet, next, {}, at(47)));
    CHECK(hidden(next).empty());
}
