#include <doctest/doctest.h>

#include "tests/contract/stores.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE_TEMPLATE("a claim takes every unclaimed message, so that a later window meets its turn", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto first = stores.store("1", "hola", at(0));
    const auto second = stores.store("2", "¿puntas?", at(1));
    const TurnId turn = stores.claim(first, at(17));
    CHECK(stores.claim(second, at(18)) == turn);
    CHECK(stores.run(stores.retrieve->turn_text(stores.ballet, turn)).text == "hola\n¿puntas?");
}

TEST_CASE_TEMPLATE("the next turn supersedes an unanswered one and answers its messages too", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const TurnId first = stores.claim(stores.store("1", "¿tenés puntas?", at(0)), at(16));
    const TurnId second = stores.claim(stores.store("2", "talle 38", at(20)), at(36));
    CHECK(stores.status(first) == "superseded");
    CHECK(stores.run(stores.retrieve->turn_text(stores.ballet, first)).state == TurnText::State::over);
    CHECK(stores.run(stores.retrieve->turn_text(stores.ballet, second)).text == "¿tenés puntas?\ntalle 38");
    CHECK(stores.answer(first, {"tarde"}, at(37)).empty());
    const auto inference = stores.run(stores.infer->load(stores.ballet, first, 0));
    CHECK(inference.state == Inference::State::over);
    CHECK(inference.reason == "superseded");
}

TEST_CASE_TEMPLATE("superseding drops unsent bubbles and leaves the sent one and the one in flight", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const TurnId turn = stores.claim(stores.store("1", "hola", at(0)), at(16));
    const auto replies = stores.answer(turn, {"uno", "dos", "tres"}, at(17));
    stores.accept(stores.ask(replies[0], at(17)), "p1", at(18));
    const auto in_flight = stores.ask(replies[1], at(22));
    CHECK(in_flight.state == ReplyClaim::State::send);
    stores.claim(stores.store("2", "otra cosa", at(22)), at(38));
    CHECK(stores.status(turn) == "superseded");
    CHECK(stores.status(replies[0]) == "sent");
    CHECK(stores.status(replies[1]) == "pending");
    CHECK(stores.status(replies[2]) == "dropped: superseded");
    stores.accept(in_flight, "p2", at(39));
    CHECK(stores.status(replies[1]) == "sent");
}

TEST_CASE_TEMPLATE("a turn whose last bubble is in flight is answered, not superseded", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const TurnId turn = stores.claim(stores.store("1", "hola", at(0)), at(16));
    const auto replies = stores.answer(turn, {"uno"}, at(17));
    CHECK(stores.ask(replies[0], at(18)).state == ReplyClaim::State::send);
    const TurnId next = stores.claim(stores.store("2", "gracias", at(19)), at(35));
    CHECK(stores.status(turn) == "answered");
    CHECK(stores.run(stores.retrieve->turn_text(stores.ballet, next)).text == "gracias");
}

TEST_CASE_TEMPLATE("a turn is superseded at most twice in a row", S, SimulatedStores, PostgresStores) {
    S stores;
    std::vector<TurnId> turns;
    for (int i = 0; i < 4; ++i) {
        turns.push_back(stores.claim(stores.store(std::to_string(i), "y", at(i * 5)), at(i * 5 + 1)));
    }
    CHECK(stores.status(turns[0]) == "superseded");
    CHECK(stores.status(turns[1]) == "superseded");
    CHECK(stores.status(turns[2]) == "open");
    CHECK(stores.status(turns[3]) == "open");
}

TEST_CASE_TEMPLATE("a turn whose first message is older than 90 s stays beside the next one", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const TurnId first = stores.claim(stores.store("1", "hola", at(0)), at(60));
    stores.claim(stores.store("2", "¿hola?", at(80)), at(96));
    CHECK(stores.status(first) == "open");
}

TEST_CASE_TEMPLATE("a burst that is rebuilt after a crash answers the turn that nobody was told of", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto first = stores.store("1", "hola", at(0));
    const TurnId lost = stores.claim(first, at(16));
    const auto second = stores.store("2", "¿siguen ahí?", at(600));
    const auto claimed = stores.run(stores.buffer->claim_turn(stores.ballet, first.conversation,
                                                              {first.message, second.message}, at(616), 10));
    CHECK(claimed.state == TurnClaim::State::claimed);
    CHECK(claimed.turn != lost);
    CHECK(stores.status(lost) == "superseded");
    CHECK(stores.run(stores.retrieve->turn_text(stores.ballet, claimed.turn)).text == "hola\n¿siguen ahí?");
}

TEST_CASE_TEMPLATE("a tenant with too many open turns waits, its claimed turns and other tenants do not", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto first = stores.store("1", "hola", at(0), "person-1");
    const auto second = stores.store("2", "hola", at(0), "person-2");
    stores.claim(first, at(16));
    const auto ask = [&](const StoredMessage& message) {
        return stores.run(
            stores.buffer->claim_turn(stores.ballet, message.conversation, {message.message}, at(17), 1));
    };
    CHECK(ask(second).state == TurnClaim::State::too_many);
    CHECK(ask(first).state == TurnClaim::State::claimed);
    const auto there = stores.run(
        stores.resolve->store_message(stores.account("whatsapp", "2002"), inbound("3", "hola"), at(0), "t"));
    CHECK(stores.run(stores.buffer->claim_turn(stores.other, there.conversation, {there.message}, at(17), 1))
              .state == TurnClaim::State::claimed);
}

TEST_CASE_TEMPLATE("reactions open no turn", S, SimulatedStores, PostgresStores) {
    S stores;
    const auto reaction = stores.store("1", "👍", at(0), "5491150000001", InboundKind::reaction);
    CHECK(stores
              .run(stores.buffer->claim_turn(stores.ballet, reaction.conversation, {reaction.message}, at(16),
                                             10))
              .state == TurnClaim::State::none);
}

TEST_CASE_TEMPLATE("two shops that share a sender never share a turn", S, SimulatedStores, PostgresStores) {
    S stores;
    const auto here = stores.store("1", "hola", at(0));
    const auto there = stores.run(
        stores.resolve->store_message(stores.account("whatsapp", "2002"), inbound("1", "chau"), at(0), "t"));
    CHECK(stores
              .run(stores.buffer->claim_turn(stores.ballet, here.conversation, {here.message, there.message},
                                             at(16), 9))
              .state == TurnClaim::State::claimed);
    CHECK(stores.run(stores.buffer->claim_turn(stores.other, here.conversation, {here.message}, at(16), 9))
              .state == TurnClaim::State::none);
    CHECK(stores.run(stores.buffer->claim_turn(stores.other, there.conversation, {there.message}, at(17), 9))
              .turn == turn_id(there.conversation, there.message));
}

TEST_CASE_TEMPLATE(
    "an expired burst ends as a dropped turn with the older messages, and newer ones are answered", S,
    SimulatedStores, PostgresStores) {
    S stores;
    const auto oldest = stores.store("1", "hola", at(0));
    const auto second = stores.store("2", "¿hay alguien?", at(1));
    const auto fresh = stores.store("3", "¿puntas?", at(3'000));
    const auto expire = [&] {
        stores.run(stores.buffer->expire(stores.ballet, second.conversation, {second.message}, at(3'001)));
    };
    expire();
    expire();
    const TurnId expired = turn_id(oldest.conversation, oldest.message);
    CHECK(stores.status(expired) == "dropped: expired");
    CHECK(stores.count("turn ") == 1);
    CHECK(stores.run(stores.retrieve->turn_text(stores.ballet, expired)).text == "hola\n¿hay alguien?");
    const TurnId turn = stores.claim(fresh, at(3'016));
    CHECK(stores.status(turn) == "open");
    CHECK(stores.run(stores.retrieve->turn_text(stores.ballet, turn)).text == "¿puntas?");
    const auto inference = stores.run(stores.infer->load(stores.ballet, turn, 0));
    REQUIRE(inference.history.size() == 3);
    CHECK(inference.history[0].text == "hola");
    CHECK_FALSE(inference.history[0].in_turn);
}

TEST_CASE_TEMPLATE("an expired burst drops the turn that it had become, unless a newer message is in it", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto first = stores.store("1", "hola", at(0));
    const TurnId alone = stores.claim(first, at(16));
    stores.run(stores.buffer->expire(stores.ballet, first.conversation, {first.message}, at(3'000)));
    CHECK(stores.status(alone) == "dropped: expired");
    const auto second = stores.store("2", "¿hola?", at(3'001));
    stores.store("3", "¿puntas?", at(3'002));
    const TurnId both = stores.claim(second, at(3'018));
    stores.run(stores.buffer->expire(stores.ballet, second.conversation, {second.message}, at(6'000)));
    CHECK(stores.status(both) == "open");
}

TEST_CASE_TEMPLATE("an expired burst that a human has, or that is another shop's, changes nothing", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto stored = stores.store("1", "hola", at(0));
    stores.run(stores.buffer->expire(stores.other, stored.conversation, {stored.message}, at(3'000)));
    CHECK(stores.take_over(stored.conversation, at(3'001)));
    stores.run(stores.buffer->expire(stores.ballet, stored.conversation, {stored.message}, at(3'002)));
    CHECK(stores.count("turn ") == 0);
}
