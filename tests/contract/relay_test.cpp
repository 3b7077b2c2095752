#include <doctest/doctest.h>

#include "tests/contract/stores.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using State = ReplyClaim::State;

struct Answered {
    explicit Answered(Stores& stores, std::vector<std::string> bubbles = {"uno", "dos"})
        : stored(stores.store("1", "hola", at(0))),
          turn(stores.claim(stored, at(16))),
          replies(stores.answer(turn, std::move(bubbles), at(17))) {}
    StoredMessage stored;
    TurnId turn;
    std::vector<ReplyId> replies;
};

}  // namespace

TEST_CASE_TEMPLATE("bubbles go in order and as far apart as the channel wants", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Answered answered(stores);
    const auto early = stores.ask(answered.replies[1], at(18));
    CHECK(early.state == State::wait);
    CHECK(early.until == at(19));
    const auto first = stores.ask(answered.replies[0], at(18));
    REQUIRE(first.state == State::send);
    CHECK(first.text == "uno");
    CHECK(first.account == "1001");
    CHECK(first.to == Alias{"wa_id", "5491150000001"});
    CHECK(stores.ask(answered.replies[1], at(19)).state == State::wait);
    stores.accept(first, "p1", at(20));
    const auto spaced = stores.ask(answered.replies[1], at(21));
    CHECK(spaced.state == State::wait);
    CHECK(spaced.until == at(24));
    CHECK(stores.ask(answered.replies[1], at(24)).state == State::send);
}

TEST_CASE_TEMPLATE(
    "a postponed bubble rests with all that follows it, and neither is forgotten while it does", S,
    SimulatedStores, PostgresStores) {
    S stores;
    const Answered answered(stores, {"uno", "dos", "tres"});
    const auto& bubbles = answered.replies;
    stores.run(stores.relay->postpone(stores.ballet, bubbles[0], at(920)));
    const auto first = stores.ask(bubbles[0], at(18));
    CHECK(first.state == State::wait);
    CHECK(first.reason == "pause");
    CHECK(first.until == at(920));
    // each asks after the one before it
    for (const int place : {1, 2}) {
        const auto behind = stores.ask(bubbles[static_cast<std::size_t>(place)], at(18));
        CHECK(behind.reason == waits_for_earlier);
        CHECK(behind.until == at(920) + Millis{place});
    }
    // a quarter of an hour later the last one comes first: the one before it still goes before it
    stores.accept(stores.ask(bubbles[0], at(920)), "p1", at(920));
    CHECK(stores.ask(bubbles[2], at(930)).reason == waits_for_earlier);
    CHECK(stores.ask(bubbles[1], at(930)).state == State::send);
    CHECK(stores.count("delivery") == 2);
}

TEST_CASE_TEMPLATE("who waits for several bubbles asks after as many seconds", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Answered answered(stores, {"uno", "dos", "tres", "cuatro"});
    for (const int place : {1, 2, 3}) {
        const auto behind = stores.ask(answered.replies[static_cast<std::size_t>(place)], at(18));
        CHECK(behind.reason == waits_for_earlier);
        CHECK(behind.until == at(18 + place));
    }
    stores.accept(stores.ask(answered.replies[0], at(18)), "p1", at(19));
    CHECK(stores.ask(answered.replies[3], at(21)).until == at(23));
}

TEST_CASE_TEMPLATE("what is in flight or over is not postponed", S, SimulatedStores, PostgresStores) {
    S stores;
    const Answered answered(stores);
    const auto in_flight = stores.ask(answered.replies[0], at(18));
    stores.run(stores.relay->postpone(stores.ballet, answered.replies[0], at(920)));
    stores.accept(in_flight, "p1", at(19));
    stores.run(stores.relay->postpone(stores.ballet, answered.replies[0], at(920)));
    CHECK(stores.ask(answered.replies[0], at(20)).state == State::delivered);
    CHECK(stores.ask(answered.replies[1], at(24)).state == State::send);
}

TEST_CASE_TEMPLATE("a delivered bubble is delivered, and stands in the conversation once", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Answered answered(stores);
    const auto claim = stores.ask(answered.replies[0], at(18));
    stores.accept(claim, "p1", at(19));
    stores.accept(claim, "p1", at(19));
    CHECK(stores.ask(answered.replies[0], at(20)).state == State::delivered);
    CHECK(stores.count("message out") == 1);
    CHECK(stores.row("message out") == "2 agent message: uno");
    CHECK(stores.status(answered.stored.conversation) == "agent, epoch 0, handled 0 of 2, to 5491150000001");
}

TEST_CASE_TEMPLATE("a newer message holds the rest, a reaction does not", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Answered answered(stores);
    stores.accept(stores.ask(answered.replies[0], at(18)), "p1", at(18));
    stores.store("r", "👍", at(19), "5491150000001", InboundKind::reaction);
    stores.store("2", "esperá", at(23));
    const auto held = stores.ask(answered.replies[1], at(24));
    CHECK(held.state == State::held);
    CHECK(held.until == at(29));
}

TEST_CASE_TEMPLATE("after a reaction the next bubble goes out", S, SimulatedStores, PostgresStores) {
    S stores;
    const Answered answered(stores);
    stores.accept(stores.ask(answered.replies[0], at(18)), "p1", at(18));
    stores.store("r", "👍", at(19), "5491150000001", InboundKind::reaction);
    CHECK(stores.ask(answered.replies[1], at(24)).state == State::send);
}

TEST_CASE_TEMPLATE("a held bubble is dropped when the next turn commits", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Answered answered(stores);
    const auto newer = stores.store("2", "mejor otra cosa", at(18));
    CHECK(stores.ask(answered.replies[0], at(19)).state == State::held);
    stores.claim(newer, at(34));
    const auto closed = stores.ask(answered.replies[0], at(35));
    CHECK(closed.state == State::closed);
    CHECK(closed.reason == "superseded");
}

TEST_CASE_TEMPLATE("who writes without pause is answered: what can't be superseded is not held", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const Answered answered(stores);
    stores.store("2", "y?", at(85));
    CHECK(stores.ask(answered.replies[0], at(89)).state == State::held);
    CHECK(stores.ask(answered.replies[0], at(90)).state == State::send);
}

TEST_CASE_TEMPLATE("a take-over between two bubbles lets the one in flight land and nothing more", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const Answered answered(stores, {"uno", "dos", "tres"});
    stores.accept(stores.ask(answered.replies[0], at(18)), "p1", at(18));
    const auto in_flight = stores.ask(answered.replies[1], at(22));
    REQUIRE(in_flight.state == State::send);
    CHECK(stores.take_over(answered.stored.conversation, at(23)));
    stores.accept(in_flight, "p2", at(23));
    CHECK(stores.status(answered.replies[1]) == "sent");
    CHECK(stores.ask(answered.replies[2], at(27)).reason == "human");
    CHECK(stores.give_back(answered.stored.conversation, at(30)));
    CHECK(stores.ask(answered.replies[2], at(31)).state == State::closed);
    CHECK(stores.status(answered.stored.conversation).starts_with("agent, epoch 2,"));
}

TEST_CASE_TEMPLATE("a bubble that was refused while a human took over is not tried again", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Answered answered(stores);
    const auto in_flight = stores.ask(answered.replies[0], at(18));
    stores.take_over(answered.stored.conversation, at(19));
    stores.refuse(in_flight, Fault::transient, "whatsapp.rate", at(25), at(19));
    const auto closed = stores.ask(answered.replies[0], at(26));
    CHECK(closed.state == State::closed);
    CHECK(closed.reason == "human");
}

TEST_CASE_TEMPLATE("a human's bubble is sent in human mode, once for each client id", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const auto stored = stores.store("1", "hola", at(0));
    stores.take_over(stored.conversation, at(1));
    const auto ask = [&] {
        return stores.run(
            stores.handoff->request_reply(stores.ballet, stored.conversation, "c1", "soy Eva", at(2)));
    };
    const auto reply = ask();
    REQUIRE(reply);
    CHECK(ask() == reply);
    const auto claim = stores.ask(*reply, at(3));
    REQUIRE(claim.state == State::send);
    CHECK(claim.text == "soy Eva");
    stores.accept(claim, "p1", at(3));
    CHECK(stores.row("message out") == "2 human message: soy Eva");
    CHECK_FALSE(
        stores.run(stores.handoff->request_reply(stores.other, stored.conversation, "c1", "x", at(2))));
}

TEST_CASE_TEMPLATE(
    "a refused bubble waits for its time, then has a second attempt, and the later ones wait behind it", S,
    SimulatedStores, PostgresStores) {
    S stores;
    const Answered answered(stores);
    const auto first = stores.ask(answered.replies[0], at(18));
    stores.refuse(first, Fault::transient, "telegram.rate", at(40), at(19));
    const auto pause = stores.ask(answered.replies[0], at(20));
    CHECK(pause.state == State::wait);
    CHECK(pause.until == at(40));
    CHECK(stores.ask(answered.replies[1], at(20)).until == at(40) + Millis{1});
    const auto second = stores.ask(answered.replies[0], at(40));
    REQUIRE(second.state == State::send);
    CHECK(second.permit->attempt() == 2);
}

TEST_CASE_TEMPLATE("a bubble refused for good is closed and the next one goes on", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Answered answered(stores);
    const auto first = stores.ask(answered.replies[0], at(18));
    stores.refuse(first, Fault::permanent, "whatsapp.window", {}, at(19));
    CHECK(stores.ask(answered.replies[0], at(20)).reason == "whatsapp.window");
    CHECK(stores.ask(answered.replies[1], at(20)).state == State::send);
}

TEST_CASE_TEMPLATE("an intent of a process that died becomes unknown and is not sent again", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const Answered answered(stores);
    CHECK(stores.ask(answered.replies[0], at(18)).state == State::send);
    RelayStore& restarted = stores.another_relay();
    const auto closed = stores.run(restarted.claim(stores.ballet, answered.replies[0], at(30), true));
    CHECK(closed.state == State::closed);
    CHECK(closed.reason == "unknown");
    CHECK(stores.delivery(answered.replies[0]).starts_with("unknown"));
    // what follows waits its minute for a receipt, and asks for it now and then
    const auto waits = stores.run(restarted.claim(stores.ballet, answered.replies[1], at(31), true));
    CHECK(waits.state == State::wait);
    CHECK(waits.until == at(36));
    CHECK(stores.run(restarted.claim(stores.ballet, answered.replies[1], at(90), true)).state == State::send);
}

TEST_CASE_TEMPLATE("an unknown attempt that turns out accepted is confirmed, and nothing moves it back", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const Answered answered(stores);
    const auto claim = stores.ask(answered.replies[0], at(18));
    stores.end_unknown(claim, at(28));
    CHECK(stores.status(answered.replies[0]) == "unknown: unknown");
    stores.accept(claim, "p1", at(29));
    stores.end_unknown(claim, at(30));
    CHECK(stores.status(answered.replies[0]) == "sent");
    CHECK(stores.delivery(answered.replies[0]).starts_with("confirmed"));
}

TEST_CASE_TEMPLATE("a bubble whose nudge was lost does not stop the conversation for ever", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto stored = stores.store("1", "hola", at(0));
    stores.run(stores.handoff->request_reply(stores.ballet, stored.conversation, "lost", "perdida", at(1)));
    const auto second =
        stores.run(stores.handoff->request_reply(stores.ballet, stored.conversation, "c2", "otra", at(2)));
    CHECK(stores.ask(*second, at(3)).state == State::wait);
    CHECK(stores.ask(*second, at(602)).state == State::send);
}

TEST_CASE_TEMPLATE("an expired bubble is dropped with that reason, once, and the next one goes on", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const Answered answered(stores);
    CHECK(stores.ask(answered.replies[1], at(18)).state == State::wait);
    CHECK(stores.run(stores.relay->expire(stores.ballet, answered.replies[0], at(19))).reason == "expired");
    CHECK(stores.run(stores.relay->expire(stores.ballet, answered.replies[0], at(20))).reason == "expired");
    CHECK(stores.ask(answered.replies[0], at(21)).reason == "expired");
    CHECK(stores.ask(answered.replies[1], at(21)).state == State::send);
    CHECK(stores.status(answered.replies[0]) == "dropped: expired");
    CHECK(stores.status(answered.replies[1]) == "pending");
}

TEST_CASE_TEMPLATE("an expired bubble that was refused for now waits for no second attempt", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const Answered answered(stores);
    const auto first = stores.ask(answered.replies[0], at(18));
    stores.refuse(first, Fault::transient, "telegram.rate", at(300), at(19));
    stores.run(stores.relay->expire(stores.ballet, answered.replies[0], at(20)));
    CHECK(stores.status(answered.replies[0]) == "dropped: expired");
    CHECK(stores.ask(answered.replies[1], at(20)).state == State::send);
}

TEST_CASE_TEMPLATE("an expired bubble that is in flight is unknown, and its provider's answer still counts",
                   S, SimulatedStores, PostgresStores) {
    S stores;
    const Answered answered(stores);
    const auto claim = stores.ask(answered.replies[0], at(18));
    const auto in_flight = stores.run(stores.relay->expire(stores.ballet, answered.replies[0], at(19)));
    CHECK(in_flight.state == State::closed);
    CHECK(in_flight.reason == "unknown");
    CHECK(stores.status(answered.replies[0]) == "unknown: unknown");
    CHECK(stores.delivery(answered.replies[0]).starts_with("unknown"));
    stores.accept(claim, "p1", at(20));
    CHECK(stores.status(answered.replies[0]) == "sent");
    const auto delivered = stores.run(stores.relay->expire(stores.ballet, answered.replies[0], at(21)));
    CHECK(delivered.state == State::delivered);
    CHECK(stores.status(answered.replies[0]) == "sent");
}

TEST_CASE_TEMPLATE("on the web a bubble of which nothing is known is sent again, five times in all", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    Inbound message = inbound("v1/c1", "hola");
    message.aliases = {{"web_visitor", "v1"}};
    const auto stored =
        stores.run(stores.resolve->store_message(stores.account("web", "ballet"), message, at(0), "t"));
    const auto replies = stores.answer(stores.claim(stored, at(16)), {"buenas"}, at(17));
    for (int attempt = 1; attempt <= 5; ++attempt) {
        const auto claim =
            stores.run(stores.another_relay().claim(stores.ballet, replies[0], at(attempt * 20), true));
        REQUIRE(claim.state == State::send);
        CHECK(claim.permit->attempt() == attempt);
    }
    CHECK(stores.ask(replies[0], at(200)).reason == "unknown");
    CHECK(stores.status(replies[0]) == "unknown: unknown");
}

TEST_CASE_TEMPLATE("nothing is sent from a number that is another shop's by now", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Account account = stores.account();
    const TurnId turn = stores.claim(stores.store("1", "hola", at(0)), at(16));
    const auto replies = stores.answer(turn, {"uno", "dos"}, at(17));
    const auto first = stores.ask(replies[0], at(18));
    REQUIRE(first.permit);
    const EndpointId theirs = stores.account("whatsapp", "2002").endpoint;
    stores.hand_over(account, at(19), stores.other, theirs, at(20));
    // the one that was being sent is noted as what became of it
    stores.accept(first, "p1", at(21));
    CHECK(stores.status(replies[0]) == "sent");
    const auto second = stores.ask(replies[1], at(30));
    CHECK(second.state == ReplyClaim::State::closed);
    CHECK(second.reason == "account retired");
    CHECK(stores.status(replies[1]) == "dropped: account retired");
}
