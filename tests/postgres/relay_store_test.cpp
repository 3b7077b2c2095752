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
        tasks.push_back(processes.back()->claim(fixture.ballet, answered.replies[0], at(18), true));
    }
    int sends = 0;
    for (const auto& claim : run_all(std::move(tasks))) sends += claim.state == State::send ? 1 : 0;
    CHECK(sends == 1);
    CHECK(fixture.test.query("SELECT count(*) FROM deliveries") == "1");
}

TEST_CASE(
    "a bubble of a channel with limits is claimed only once it is admitted, and costs nothing until then") {
    Fixture fixture;
    const Answered answered(fixture);
    ChannelLimits limited;
    limited.pace = {{PaceLimit::Per::account, {1, std::chrono::seconds(1)}}};
    const auto relay = make_relay_store(fixture.database, {{"whatsapp", limited}});
    const auto claim = [&](int index, int second, bool admitted) {
        return run(relay->claim(fixture.ballet, answered.replies[static_cast<std::size_t>(index)], at(second),
                                admitted));
    };
    const auto ready = claim(0, 18, false);
    CHECK(ready.state == State::ready);
    CHECK(ready.channel == "whatsapp");
    CHECK(ready.account == "1001");
    CHECK_FALSE(ready.permit);
    CHECK(fixture.test.query("SELECT count(*) FROM deliveries") == "0");
    CHECK(fixture.test.query("SELECT next_send_at FROM conversations") == "-infinity");
    const auto sent = claim(0, 18, true);
    REQUIRE(sent.state == State::send);
    CHECK(sent.permit->attempt() == 1);
    fixture.accept(sent, "p1", at(18));
    // the spacing is ours, and comes before the provider's limits
    CHECK(claim(1, 19, false).reason == "spacing");
}

TEST_CASE("of two handlers of one process that claim one bubble at once one is told to send") {
    // a partition that was lost and came back: the old assignment's handler and the new one's
    Fixture fixture(8);
    const Answered answered(fixture);
    std::vector<Task<ReplyClaim>> tasks;
    for (int i = 0; i < 10; ++i)
        tasks.push_back(fixture.relay->claim(fixture.ballet, answered.replies[0], at(18), true));
    int sends = 0;
    for (const auto& claim : run_all(std::move(tasks))) sends += claim.state == State::send ? 1 : 0;
    CHECK(sends == 1);
    CHECK(fixture.test.query("SELECT count(*) FROM deliveries") == "1");
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
    const auto second = run(restarted->claim(fixture.ballet, replies[0], at(30), true));
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
