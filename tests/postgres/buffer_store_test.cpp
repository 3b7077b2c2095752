#include <doctest/doctest.h>

#include <set>

#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("five messages of one burst become one turn, whoever claims first") {
    Fixture fixture(8);
    std::vector<StoredMessage> stored;
    std::vector<MessageId> ids;
    for (int i = 0; i < 5; ++i) {
        stored.push_back(fixture.store("e" + std::to_string(i), "parte", at(i)));
        ids.push_back(stored.back().message);
    }
    std::vector<Task<TurnClaim>> tasks;
    for (int i = 0; i < 20; ++i) {
        tasks.push_back(fixture.buffer->claim_turn(fixture.ballet, stored[0].conversation, ids, at(21), 10));
    }
    std::set<TurnId> turns;
    for (const auto& claimed : run_all(std::move(tasks))) {
        CHECK(claimed.state == TurnClaim::State::claimed);
        turns.insert(claimed.turn);
    }
    CHECK(turns.size() == 1);
    CHECK(fixture.test.query("SELECT count(*) FROM turns") == "1");
    CHECK(fixture.test.query("SELECT count(DISTINCT turn_id), count(turn_id) FROM messages") == "1|5");
}

TEST_CASE("a claim takes every unclaimed message, so that a later window meets its turn") {
    Fixture fixture;
    const auto first = fixture.store("1", "hola", at(0));
    const auto second = fixture.store("2", "¿puntas?", at(1));
    const TurnId turn = fixture.claim(first, at(17));
    CHECK(fixture.claim(second, at(18)) == turn);
    CHECK(run(fixture.retrieve->turn_text(fixture.ballet, turn)).text == "hola\n¿puntas?");
}

TEST_CASE("the next turn supersedes an unanswered one and answers its messages too") {
    Fixture fixture;
    const TurnId first = fixture.claim(fixture.store("1", "¿tenés puntas?", at(0)), at(16));
    const TurnId second = fixture.claim(fixture.store("2", "talle 38", at(20)), at(36));
    CHECK(fixture.turn_status(first) == "superseded");
    CHECK(run(fixture.retrieve->turn_text(fixture.ballet, first)).state == TurnText::State::over);
    CHECK(run(fixture.retrieve->turn_text(fixture.ballet, second)).text == "¿tenés puntas?\ntalle 38");
    CHECK(fixture.answer(first, {"tarde"}, at(37)).empty());
    const auto inference = run(fixture.infer->load(fixture.ballet, first, 0));
    CHECK(inference.state == Inference::State::over);
    CHECK(inference.reason == "superseded");
}

TEST_CASE("superseding drops unsent bubbles and leaves the sent one and the one in flight") {
    Fixture fixture;
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    const auto replies = fixture.answer(turn, {"uno", "dos", "tres"}, at(17));
    fixture.accept(fixture.ask(replies[0], at(17)), "p1", at(18));
    const auto in_flight = fixture.ask(replies[1], at(22));
    CHECK(in_flight.state == ReplyClaim::State::send);
    fixture.claim(fixture.store("2", "otra cosa", at(22)), at(38));
    CHECK(fixture.turn_status(turn) == "superseded");
    CHECK(fixture.reply_status(replies[0]) == "sent");
    CHECK(fixture.reply_status(replies[1]) == "pending");
    CHECK(fixture.reply_status(replies[2]) == "dropped");
    fixture.accept(in_flight, "p2", at(39));
    CHECK(fixture.reply_status(replies[1]) == "sent");
}

TEST_CASE("a turn whose last bubble is in flight is answered, not superseded") {
    Fixture fixture;
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    const auto replies = fixture.answer(turn, {"uno"}, at(17));
    CHECK(fixture.ask(replies[0], at(18)).state == ReplyClaim::State::send);
    const TurnId next = fixture.claim(fixture.store("2", "gracias", at(19)), at(35));
    CHECK(fixture.turn_status(turn) == "answered");
    CHECK(run(fixture.retrieve->turn_text(fixture.ballet, next)).text == "gracias");
}

TEST_CASE("a turn is superseded at most twice in a row") {
    Fixture fixture;
    std::vector<TurnId> turns;
    for (int i = 0; i < 4; ++i) {
        turns.push_back(fixture.claim(fixture.store(std::to_string(i), "y", at(i * 5)), at(i * 5 + 1)));
    }
    CHECK(fixture.turn_status(turns[0]) == "superseded");
    CHECK(fixture.turn_status(turns[1]) == "superseded");
    CHECK(fixture.turn_status(turns[2]) == "open");
    CHECK(fixture.turn_status(turns[3]) == "open");
}

TEST_CASE("a turn whose first message is older than 90 s stays beside the next one") {
    Fixture fixture;
    const TurnId first = fixture.claim(fixture.store("1", "hola", at(0)), at(60));
    fixture.claim(fixture.store("2", "¿hola?", at(80)), at(96));
    CHECK(fixture.turn_status(first) == "open");
}

TEST_CASE("a turn in which a writing tool started is not superseded") {
    Fixture fixture;
    const TurnId first = fixture.claim(fixture.store("1", "comprá", at(0)), at(16));
    run(fixture.retrieve->freeze_step(fixture.ballet, first, {}, at(17)));
    fixture.test.query(
        "INSERT INTO tool_calls (tenant_id, id, turn_id, step, index, tool, writes, status, arguments, "
        "started_at) SELECT tenant_id, gen_random_uuid(), id, 0, 0, 'order', true, 'started', '{}', "
        "now() FROM turns");
    fixture.claim(fixture.store("2", "no, pará", at(20)), at(36));
    CHECK(fixture.turn_status(first) == "open");
}

TEST_CASE("a burst that is rebuilt after a crash answers the turn that nobody was told of") {
    Fixture fixture;
    const auto first = fixture.store("1", "hola", at(0));
    const TurnId lost = fixture.claim(first, at(16));
    const auto second = fixture.store("2", "¿siguen ahí?", at(600));
    const auto claimed = run(fixture.buffer->claim_turn(fixture.ballet, first.conversation,
                                                        {first.message, second.message}, at(616), 10));
    CHECK(claimed.state == TurnClaim::State::claimed);
    CHECK(claimed.turn != lost);
    CHECK(fixture.turn_status(lost) == "superseded");
    CHECK(run(fixture.retrieve->turn_text(fixture.ballet, claimed.turn)).text == "hola\n¿siguen ahí?");
}

TEST_CASE("a tenant with too many open turns waits, its claimed turns and other tenants do not") {
    Fixture fixture;
    const auto first = fixture.store("1", "hola", at(0), "person-1");
    const auto second = fixture.store("2", "hola", at(0), "person-2");
    fixture.claim(first, at(16));
    const auto ask = [&](const StoredMessage& message) {
        return run(
            fixture.buffer->claim_turn(fixture.ballet, message.conversation, {message.message}, at(17), 1));
    };
    CHECK(ask(second).state == TurnClaim::State::too_many);
    CHECK(ask(first).state == TurnClaim::State::claimed);
    const auto there = run(fixture.resolve->store_message(fixture.account("whatsapp", "2002"),
                                                          inbound("3", "hola"), at(0), "t"));
    CHECK(run(fixture.buffer->claim_turn(fixture.other, there.conversation, {there.message}, at(17), 1))
              .state == TurnClaim::State::claimed);
}

TEST_CASE("reactions open no turn") {
    Fixture fixture;
    const auto reaction = fixture.store("1", "👍", at(0), "5491150000001", InboundKind::reaction);
    CHECK(
        run(fixture.buffer->claim_turn(fixture.ballet, reaction.conversation, {reaction.message}, at(16), 10))
            .state == TurnClaim::State::none);
}

TEST_CASE("two shops that share a sender never share a turn") {
    Fixture fixture;
    const auto here = fixture.store("1", "hola", at(0));
    const auto there = run(fixture.resolve->store_message(fixture.account("whatsapp", "2002"),
                                                          inbound("1", "chau"), at(0), "t"));
    CHECK(run(fixture.buffer->claim_turn(fixture.ballet, here.conversation, {here.message, there.message},
                                         at(16), 9))
              .state == TurnClaim::State::claimed);
    CHECK(fixture.test.query("SELECT count(*) FROM messages WHERE turn_id IS NULL") == "1");
    CHECK(
        run(fixture.buffer->claim_turn(fixture.other, here.conversation, {here.message}, at(16), 9)).state ==
        TurnClaim::State::none);
}

TEST_CASE("an expired burst ends as a dropped turn with the older messages, and newer ones are answered") {
    Fixture fixture;
    const auto oldest = fixture.store("1", "hola", at(0));
    const auto second = fixture.store("2", "¿hay alguien?", at(1));
    const auto fresh = fixture.store("3", "¿puntas?", at(3'000));
    const auto expire = [&] {
        run(fixture.buffer->expire(fixture.ballet, second.conversation, {second.message}, at(3'001)));
    };
    expire();
    expire();
    CHECK(fixture.test.query("SELECT status, reason, first_seq, last_seq, closed_at IS NULL FROM turns") ==
          "dropped|expired|1|2|f");
    CHECK(fixture.test.query("SELECT seq FROM messages WHERE turn_id IS NULL") == "3");
    const TurnId turn = fixture.claim(fresh, at(3'016));
    CHECK(fixture.turn_status(turn) == "open");
    CHECK(run(fixture.retrieve->turn_text(fixture.ballet, turn)).text == "¿puntas?");
    const auto inference = run(fixture.infer->load(fixture.ballet, turn, 0));
    REQUIRE(inference.history.size() == 3);
    CHECK(inference.history[0].text == "hola");
    CHECK_FALSE(inference.history[0].in_turn);
    CHECK(oldest.seq == 1);
}

TEST_CASE("an expired burst drops the turn that it had become, unless a newer message is in it") {
    Fixture fixture;
    const auto first = fixture.store("1", "hola", at(0));
    const TurnId alone = fixture.claim(first, at(16));
    run(fixture.buffer->expire(fixture.ballet, first.conversation, {first.message}, at(3'000)));
    CHECK(fixture.turn_status(alone) == "dropped");
    const auto second = fixture.store("2", "¿hola?", at(3'001));
    fixture.store("3", "¿puntas?", at(3'002));
    const TurnId both = fixture.claim(second, at(3'018));
    run(fixture.buffer->expire(fixture.ballet, second.conversation, {second.message}, at(6'000)));
    CHECK(fixture.turn_status(both) == "open");
}

TEST_CASE("an expired burst that a human has, or that is another shop's, changes nothing") {
    Fixture fixture;
    const auto stored = fixture.store("1", "hola", at(0));
    run(fixture.buffer->expire(fixture.other, stored.conversation, {stored.message}, at(3'000)));
    CHECK(run(fixture.handoff->take_over(fixture.ballet, stored.conversation, at(3'001))));
    run(fixture.buffer->expire(fixture.ballet, stored.conversation, {stored.message}, at(3'002)));
    CHECK(fixture.test.query("SELECT count(*) FROM turns") == "0");
}
