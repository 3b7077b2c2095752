#include <doctest/doctest.h>

#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using State = ReplyClaim::State;

struct Answered {
    explicit Answered(Fixture& fixture, std::vector<std::string> bubbles = {"uno", "dos"})
        : stored(fixture.store("1", "hola", at(0))),
          turn(fixture.claim(stored, at(16))),
          replies(fixture.answer(turn, std::move(bubbles), at(17))) {}
    StoredMessage stored;
    TurnId turn;
    std::vector<ReplyId> replies;
};

}  // namespace

TEST_CASE("of many claims of one bubble one is told to send") {
    Fixture fixture(8);
    const Answered answered(fixture);
    // each a process of its own, which knows nothing of the others' permits
    std::vector<std::unique_ptr<RelayStore>> processes;
    std::vector<Task<ReplyClaim>> tasks;
    for (int i = 0; i < 10; ++i) {
        processes.push_back(make_relay_store(fixture.database, {}));
        tasks.push_back(processes.back()->claim(fixture.ballet, answered.replies[0], at(18)));
    }
    int sends = 0;
    for (const auto& claim : run_all(std::move(tasks))) sends += claim.state == State::send ? 1 : 0;
    CHECK(sends == 1);
    CHECK(fixture.test.query("SELECT count(*) FROM deliveries") == "1");
}

TEST_CASE("bubbles go in order and as far apart as the channel wants") {
    Fixture fixture;
    const Answered answered(fixture);
    const auto early = fixture.ask(answered.replies[1], at(18));
    CHECK(early.state == State::wait);
    CHECK(early.until == at(19));
    const auto first = fixture.ask(answered.replies[0], at(18));
    REQUIRE(first.state == State::send);
    CHECK(first.text == "uno");
    CHECK(first.account == "1001");
    CHECK(first.to == Alias{"wa_id", "5491150000001"});
    CHECK(fixture.ask(answered.replies[1], at(19)).state == State::wait);
    fixture.accept(first, "p1", at(20));
    const auto spaced = fixture.ask(answered.replies[1], at(21));
    CHECK(spaced.state == State::wait);
    CHECK(spaced.until == at(24));
    CHECK(fixture.ask(answered.replies[1], at(24)).state == State::send);
}

TEST_CASE("a delivered bubble is delivered, and stands in the conversation once") {
    Fixture fixture;
    const Answered answered(fixture);
    const auto claim = fixture.ask(answered.replies[0], at(18));
    fixture.accept(claim, "p1", at(19));
    fixture.accept(claim, "p1", at(19));
    CHECK(fixture.ask(answered.replies[0], at(20)).state == State::delivered);
    CHECK(fixture.test.query("SELECT seq, author, text FROM messages WHERE direction = 'out'") ==
          "2|agent|uno");
    CHECK(fixture.test.query("SELECT last_seq FROM conversations") == "2");
}

TEST_CASE("a newer message holds the rest, a reaction does not") {
    Fixture fixture;
    const Answered answered(fixture);
    fixture.accept(fixture.ask(answered.replies[0], at(18)), "p1", at(18));
    fixture.store("r", "👍", at(19), "5491150000001", InboundKind::reaction);
    fixture.store("2", "esperá", at(23));
    const auto held = fixture.ask(answered.replies[1], at(24));
    CHECK(held.state == State::held);
    CHECK(held.until == at(29));
}

TEST_CASE("after a reaction the next bubble goes out") {
    Fixture fixture;
    const Answered answered(fixture);
    fixture.accept(fixture.ask(answered.replies[0], at(18)), "p1", at(18));
    fixture.store("r", "👍", at(19), "5491150000001", InboundKind::reaction);
    CHECK(fixture.ask(answered.replies[1], at(24)).state == State::send);
}

TEST_CASE("a held bubble is dropped when the next turn commits") {
    Fixture fixture;
    const Answered answered(fixture);
    const auto newer = fixture.store("2", "mejor otra cosa", at(18));
    CHECK(fixture.ask(answered.replies[0], at(19)).state == State::held);
    fixture.claim(newer, at(34));
    const auto closed = fixture.ask(answered.replies[0], at(35));
    CHECK(closed.state == State::closed);
    CHECK(closed.reason == "superseded");
}

TEST_CASE("who writes without pause is answered: what can't be superseded is not held") {
    Fixture fixture;
    const Answered answered(fixture);
    fixture.store("2", "y?", at(85));
    CHECK(fixture.ask(answered.replies[0], at(89)).state == State::held);
    CHECK(fixture.ask(answered.replies[0], at(90)).state == State::send);
}

TEST_CASE("a take-over between two bubbles lets the one in flight land and nothing more") {
    Fixture fixture;
    const Answered answered(fixture, {"uno", "dos", "tres"});
    fixture.accept(fixture.ask(answered.replies[0], at(18)), "p1", at(18));
    const auto in_flight = fixture.ask(answered.replies[1], at(22));
    REQUIRE(in_flight.state == State::send);
    CHECK(run(fixture.handoff->take_over(fixture.ballet, answered.stored.conversation, at(23))));
    fixture.accept(in_flight, "p2", at(23));
    CHECK(fixture.reply_status(answered.replies[1]) == "sent");
    CHECK(fixture.ask(answered.replies[2], at(27)).reason == "human");
    CHECK(run(fixture.handoff->give_back(fixture.ballet, answered.stored.conversation, at(30))));
    CHECK(fixture.ask(answered.replies[2], at(31)).state == State::closed);
    CHECK(fixture.test.query("SELECT mode, epoch FROM conversations") == "agent|2");
}

TEST_CASE("a bubble that was refused while a human took over is not tried again") {
    Fixture fixture;
    const Answered answered(fixture);
    const auto in_flight = fixture.ask(answered.replies[0], at(18));
    run(fixture.handoff->take_over(fixture.ballet, answered.stored.conversation, at(19)));
    run(fixture.relay->finish(fixture.ballet, *in_flight.permit,
                              {Sent::State::refused, "", {Fault::transient, "whatsapp.rate", ""}}, at(25),
                              at(19)));
    const auto closed = fixture.ask(answered.replies[0], at(26));
    CHECK(closed.state == State::closed);
    CHECK(closed.reason == "human");
}

TEST_CASE("a human's bubble is sent in human mode, once for each client id") {
    Fixture fixture;
    const auto stored = fixture.store("1", "hola", at(0));
    run(fixture.handoff->take_over(fixture.ballet, stored.conversation, at(1)));
    const auto ask = [&] {
        return run(
            fixture.handoff->request_reply(fixture.ballet, stored.conversation, "c1", "soy Eva", at(2)));
    };
    const auto reply = ask();
    REQUIRE(reply);
    CHECK(ask() == reply);
    const auto claim = fixture.ask(*reply, at(3));
    REQUIRE(claim.state == State::send);
    CHECK(claim.text == "soy Eva");
    fixture.accept(claim, "p1", at(3));
    CHECK(fixture.test.query("SELECT author FROM messages WHERE direction = 'out'") == "human");
    CHECK_FALSE(run(fixture.handoff->request_reply(fixture.other, stored.conversation, "c1", "x", at(2))));
}

TEST_CASE(
    "a refused bubble waits for its time, then has a second attempt, and the later ones wait behind it") {
    Fixture fixture;
    const Answered answered(fixture);
    const auto first = fixture.ask(answered.replies[0], at(18));
    run(fixture.relay->finish(fixture.ballet, *first.permit,
                              {Sent::State::refused, "", {Fault::transient, "telegram.rate", ""}}, at(40),
                              at(19)));
    const auto pause = fixture.ask(answered.replies[0], at(20));
    CHECK(pause.state == State::wait);
    CHECK(pause.until == at(40));
    CHECK(fixture.ask(answered.replies[1], at(20)).until == at(40));
    const auto second = fixture.ask(answered.replies[0], at(40));
    REQUIRE(second.state == State::send);
    CHECK(second.permit->attempt() == 2);
}

TEST_CASE("a bubble refused for good is closed and the next one goes on") {
    Fixture fixture;
    const Answered answered(fixture);
    const auto first = fixture.ask(answered.replies[0], at(18));
    run(fixture.relay->finish(fixture.ballet, *first.permit,
                              {Sent::State::refused, "", {Fault::permanent, "whatsapp.window", ""}}, {},
                              at(19)));
    CHECK(fixture.ask(answered.replies[0], at(20)).reason == "whatsapp.window");
    CHECK(fixture.ask(answered.replies[1], at(20)).state == State::send);
}

TEST_CASE("an intent of a process that died becomes unknown and is not sent again") {
    Fixture fixture;
    const Answered answered(fixture);
    CHECK(fixture.ask(answered.replies[0], at(18)).state == State::send);
    const auto restarted = make_relay_store(fixture.database, {});
    const auto closed = run(restarted->claim(fixture.ballet, answered.replies[0], at(30)));
    CHECK(closed.state == State::closed);
    CHECK(closed.reason == "unknown");
    CHECK(fixture.test.query("SELECT status FROM deliveries") == "unknown");
    // what follows waits its minute for a receipt
    const auto waits = run(restarted->claim(fixture.ballet, answered.replies[1], at(31)));
    CHECK(waits.state == State::wait);
    CHECK(waits.until == at(90));
    CHECK(run(restarted->claim(fixture.ballet, answered.replies[1], at(90))).state == State::send);
}

TEST_CASE("an intent whose claim's answer was lost on the way is given to the process that made it") {
    Fixture fixture;
    const Answered answered(fixture);
    auto lost = fixture.ask(answered.replies[0], at(18));
    REQUIRE(lost.state == State::send);
    // the same process with the permit in hand: somebody is sending, so it is unknown
    CHECK(fixture.ask(answered.replies[0], at(19)).reason == "unknown");
    // the permit never arrived: the database ran the claim, the caller never heard of it
    const auto token = fixture.test.query("SELECT claimed_by FROM deliveries");
    fixture.test.query("UPDATE deliveries SET status = 'intent'; UPDATE replies SET status = 'pending'");
    const auto again = fixture.ask(answered.replies[0], at(20));
    REQUIRE(again.state == State::send);
    CHECK(again.permit->attempt() == 1);
    CHECK(fixture.test.query("SELECT claimed_by FROM deliveries") == token);
}

TEST_CASE("on the web an unknown bubble is sent again") {
    Fixture fixture;
    const Account account = fixture.account("web", "ballet");
    Inbound message = inbound("v1/c1", "hola");
    message.aliases = {{"web_visitor", "v1"}};
    const auto stored = run(fixture.resolve->store_message(account, message, at(0), "t"));
    const auto replies = fixture.answer(fixture.claim(stored, at(16)), {"buenas"}, at(17));
    CHECK(fixture.ask(replies[0], at(18)).state == State::send);
    const auto restarted =
        make_relay_store(fixture.database, {{"web", {{}, Millis{4'000}, ChannelLimits::Unknown::resend}}});
    const auto second = run(restarted->claim(fixture.ballet, replies[0], at(30)));
    REQUIRE(second.state == State::send);
    CHECK(second.permit->attempt() == 2);
    CHECK(fixture.test.query("SELECT attempt, status FROM deliveries ORDER BY 1") == "1|unknown\n2|intent");
    run(restarted->finish(fixture.ballet, *second.permit, {Sent::State::accepted, "", {}}, {}, at(30)));
    const Endpoint endpoint{account.endpoint, fixture.ballet, "web", "ballet"};
    const auto seen = run(fixture.web->read(endpoint, "v1", 0));
    REQUIRE(seen.messages.size() == 2);
    CHECK(seen.messages[0].client_id == "c1");
    CHECK(seen.messages[0].inbound);
    CHECK(seen.messages[1].text == "buenas");
    CHECK(seen.messages[1].index == 0);
    CHECK(run(fixture.web->read(endpoint, "v1", 1)).messages.size() == 1);
    CHECK(run(fixture.web->read(endpoint, "v2", 0)).messages.empty());
}

TEST_CASE("an unknown attempt that turns out accepted is confirmed, and nothing moves it back") {
    Fixture fixture;
    const Answered answered(fixture);
    const auto claim = fixture.ask(answered.replies[0], at(18));
    run(fixture.relay->finish(fixture.ballet, *claim.permit, {Sent::State::unknown, "", {}}, {}, at(28)));
    CHECK(fixture.reply_status(answered.replies[0]) == "unknown");
    fixture.accept(claim, "p1", at(29));
    run(fixture.relay->finish(fixture.ballet, *claim.permit, {Sent::State::unknown, "", {}}, {}, at(30)));
    CHECK(fixture.reply_status(answered.replies[0]) == "sent");
    CHECK(fixture.test.query("SELECT status FROM deliveries") == "confirmed");
}

TEST_CASE("a bubble whose nudge was lost does not stop the conversation for ever") {
    Fixture fixture;
    const auto stored = fixture.store("1", "hola", at(0));
    run(fixture.handoff->request_reply(fixture.ballet, stored.conversation, "lost", "perdida", at(1)));
    const auto second =
        run(fixture.handoff->request_reply(fixture.ballet, stored.conversation, "c2", "otra", at(2)));
    CHECK(fixture.ask(*second, at(3)).state == State::wait);
    CHECK(fixture.ask(*second, at(602)).state == State::send);
}

TEST_CASE("an expired bubble is dropped with that reason, once, and the next one goes on") {
    Fixture fixture;
    const Answered answered(fixture);
    CHECK(fixture.ask(answered.replies[1], at(18)).state == State::wait);
    CHECK(run(fixture.relay->expire(fixture.ballet, answered.replies[0], at(19))).reason == "expired");
    CHECK(run(fixture.relay->expire(fixture.ballet, answered.replies[0], at(20))).reason == "expired");
    CHECK(fixture.ask(answered.replies[0], at(21)).reason == "expired");
    CHECK(fixture.ask(answered.replies[1], at(21)).state == State::send);
    CHECK(fixture.test.query("SELECT status, reason FROM replies ORDER BY index") ==
          "dropped|expired\npending|");
}

TEST_CASE("an expired bubble that was refused for now waits for no second attempt") {
    Fixture fixture;
    const Answered answered(fixture);
    const auto first = fixture.ask(answered.replies[0], at(18));
    run(fixture.relay->finish(fixture.ballet, *first.permit,
                              {Sent::State::refused, "", {Fault::transient, "telegram.rate", ""}}, at(300),
                              at(19)));
    run(fixture.relay->expire(fixture.ballet, answered.replies[0], at(20)));
    CHECK(fixture.reply_status(answered.replies[0]) == "dropped");
    CHECK(fixture.ask(answered.replies[1], at(20)).state == State::send);
}

TEST_CASE("an expired bubble that is in flight is unknown, and its provider's answer still counts") {
    Fixture fixture;
    const Answered answered(fixture);
    const auto claim = fixture.ask(answered.replies[0], at(18));
    const auto in_flight = run(fixture.relay->expire(fixture.ballet, answered.replies[0], at(19)));
    CHECK(in_flight.state == State::closed);
    CHECK(in_flight.reason == "unknown");
    CHECK(fixture.reply_status(answered.replies[0]) == "unknown");
    CHECK(fixture.test.query("SELECT status FROM deliveries") == "unknown");
    fixture.accept(claim, "p1", at(20));
    CHECK(fixture.reply_status(answered.replies[0]) == "sent");
    const auto delivered = run(fixture.relay->expire(fixture.ballet, answered.replies[0], at(21)));
    CHECK(delivered.state == State::delivered);
    CHECK(fixture.reply_status(answered.replies[0]) == "sent");
}
