#include <doctest/doctest.h>

#include "tests/contract/stores.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE_TEMPLATE("a contact is known by any alias and gains the missing ones", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Account account = stores.account();
    const auto by_number = stores.store("1", "hola", at(0));
    Inbound both = inbound("2", "soy yo");
    both.aliases.push_back({"wa_user", "ana.1"});
    stores.run(stores.resolve->store_message(account, both, at(1), "t"));
    Inbound by_user = inbound("3", "de nuevo");
    by_user.aliases = {{"wa_user", "ana.1"}};
    const auto third = stores.run(stores.resolve->store_message(account, by_user, at(2), "t"));
    CHECK(third.conversation == by_number.conversation);
    CHECK(third.seq == 3);
    CHECK(stores.status(third.conversation).ends_with("to ana.1"));
}

TEST_CASE_TEMPLATE("the same sender writing to two shops is two people in two conversations", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto here = stores.store("1", "hola", at(0));
    const Account there = stores.account("whatsapp", "2002");
    const auto elsewhere = stores.run(stores.resolve->store_message(there, inbound("1", "hola"), at(0), "t"));
    CHECK(here.conversation != elsewhere.conversation);
    CHECK(elsewhere.seq == 1);
    CHECK(stores.count("contact ") == 2);
}

TEST_CASE_TEMPLATE("a renamed contact is found under the new alias and answered there", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const auto before = stores.store("1", "hola", at(0));
    stores.run(stores.resolve->rename_contact(stores.account(), {"wa_id", "5491150000001"},
                                              {"wa_id", "5491199999999"}));
    CHECK(stores.status(before.conversation).ends_with("to 5491199999999"));
    const auto after = stores.store("2", "cambié el número", at(1), "5491199999999");
    CHECK(after.conversation == before.conversation);
}

TEST_CASE_TEMPLATE("the owner's echo takes the conversation over and silences what was coming", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto stored = stores.store("1", "hola", at(0));
    const TurnId turn = stores.claim(stored, at(16));
    const auto replies = stores.answer(turn, {"uno", "dos"}, at(17));
    const auto echo = stores.run(stores.resolve->store_echo(
        stores.account(), inbound("echo.1", "yo te ayudo", "5491150000001", InboundKind::echo), at(18), "t"));
    CHECK(echo.human);
    CHECK(echo.seq == 2);
    CHECK(stores.ask(replies[0], at(19)).reason == "human");
    const auto next = stores.store("2", "gracias", at(20));
    CHECK(next.human);
    CHECK(stores.run(stores.buffer->claim_turn(stores.ballet, next.conversation, {next.message}, at(40), 10))
              .state == TurnClaim::State::none);
    CHECK(stores.status(stored.conversation) == "human, epoch 1, handled 3 of 3, to 5491150000001");
}

TEST_CASE_TEMPLATE("an echo of our own bubble changes nothing, also while its send is not noted yet", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const TurnId turn = stores.claim(stores.store("1", "hola", at(0)), at(16));
    const auto replies = stores.answer(turn, {"uno", "dos"}, at(17));
    const auto claim = stores.ask(replies[0], at(18));
    const Inbound echo = inbound("wamid.out", "uno", "5491150000001", InboundKind::echo);
    CHECK_FALSE(stores.run(stores.resolve->store_echo(stores.account(), echo, at(18), "t")).human);
    stores.accept(claim, "wamid.out", at(18));
    CHECK_FALSE(stores.run(stores.resolve->store_echo(stores.account(), echo, at(19), "t")).human);
    CHECK(stores.row("message out") == "2 agent message: uno");
    CHECK(stores.status(claim.permit->reply()) == "sent");
    CHECK(stores.ask(replies[1], at(23)).state == ReplyClaim::State::send);
}

TEST_CASE_TEMPLATE("an account is found by its name, or as the one account of its address", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const Account named = stores.account();
    CHECK(named.tenant == stores.ballet);
    CHECK(named.window.quiet == Millis{16'000});
    const auto alone = stores.run(stores.resolve->find_account("whatsapp", "", named.endpoint, at(0)));
    REQUIRE(alone);
    CHECK(alone->id == named.id);
    CHECK_FALSE(stores.run(stores.resolve->find_account("whatsapp", "9999", named.endpoint, at(0))));
    CHECK_FALSE(stores.run(stores.resolve->find_account("telegram", "", named.endpoint, at(0))));
}

TEST_CASE_TEMPLATE("a message for an account that was given up ends at once in a dropped turn of its own", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    Account gone = stores.account();
    const auto before = stores.store("1", "hola", at(0));
    gone.retired = true;
    const auto write = [&](const std::string& event, SysTime when, InboundKind kind = InboundKind::message) {
        return stores.run(
            stores.resolve->store_message(gone, inbound(event, event, "5491150000001", kind), when, "t"));
    };
    const auto late = write("2", at(5));
    const auto again = write("2", at(6));
    CHECK(again.message == late.message);
    CHECK(late.retired);
    CHECK(again.retired);
    CHECK(stores.count("turn ") == 1);
    CHECK(stores.status(turn_id(late.conversation, late.message)) == "dropped: account retired");
    // it is no part of what is answered, and keeps nothing of it back
    const TurnId turn = stores.claim(before, at(16));
    CHECK(stores.status(turn) == "open");
    CHECK_FALSE(write("1", at(17)).retired);
    CHECK(stores.status(turn) == "open");
    CHECK(stores.ask(stores.answer(turn, {"uno"}, at(18)).front(), at(19)).state == ReplyClaim::State::send);
    CHECK_FALSE(write("3", at(20), InboundKind::reaction).retired);
    CHECK(stores.count("turn ") == 2);
}

TEST_CASE_TEMPLATE("what was stored before its account was given up keeps its way when it comes again", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto first = stores.store("1", "hola", at(0));
    const auto newest = stores.store("2", "¿hay?", at(1));
    Account gone = stores.account();
    gone.retired = true;
    const auto again = stores.run(stores.resolve->store_message(gone, inbound("2", "¿hay?"), at(5), "t"));
    CHECK(again.message == newest.message);
    CHECK_FALSE(again.retired);
    CHECK(stores.count("turn ") == 0);
    // one record may stand for both: the older one is not left behind
    const TurnId turn = stores.claim(newest, at(16));
    CHECK(stores.status(turn) == "open");
    CHECK(stores.claim(first, at(17)) == turn);
}

TEST_CASE_TEMPLATE("nobody answers through an account that was given up, a human neither", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const auto first = stores.store("1", "hola", at(0));
    stores.take_over(first.conversation, at(1));
    Account gone = stores.account();
    gone.retired = true;
    const auto late = stores.run(stores.resolve->store_message(gone, inbound("2", "hola"), at(2), "t"));
    CHECK(stores.status(turn_id(late.conversation, late.message)) == "dropped: account retired");
    // what a human was left with stays theirs
    stores.run(stores.resolve->store_message(gone, inbound("1", "hola"), at(3), "t"));
    CHECK(stores.count("turn ") == 1);
}

TEST_CASE_TEMPLATE("a number that changed shops is whose it was when a record was written", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const Account before = stores.account();
    const EndpointId theirs = stores.account("whatsapp", "2002").endpoint;
    stores.hand_over(before, at(100), stores.other, theirs, at(200));
    const auto find = [&](EndpointId scope, SysTime written, const std::string& name = "1001") {
        const auto found = stores.run(stores.resolve->find_account("whatsapp", name, scope, written));
        REQUIRE(found);
        const std::string whose = found->tenant == stores.ballet ? "first" : "second";
        return whose + (found->retired ? ", ended" : "") + (speaks_for(scope, *found) ? "" : ", refused");
    };
    // while it was the first shop's, nothing that comes to the second one's address is about it
    CHECK(find(before.endpoint, at(50)) == "first, ended");
    CHECK(find(theirs, at(50)) == "first, ended, refused");
    // from the claim on it is the other way round, whatever still comes to the old address
    CHECK(find(before.endpoint, at(200)) == "second, refused");
    CHECK(find(before.endpoint, at(250), "") == "second, refused");
    CHECK(find(theirs, at(200)) == "second");
    // nobody had it in between: its provider tells by the address
    CHECK(find(before.endpoint, at(150)) == "first, ended");
    CHECK(find(theirs, at(150)) == "second");
    CHECK(find(theirs, at(99)) == "first, ended, refused");
    CHECK(find(theirs, at(100)) == "second");
    const auto receipt_for = [&](EndpointId scope) {
        return stores.run(stores.settle->find_account("whatsapp", "1001", scope)).value().tenant;
    };
    CHECK(receipt_for(before.endpoint) == stores.ballet);
    CHECK(receipt_for(theirs) == stores.other);
}

TEST_CASE_TEMPLATE("under a shared address the time alone tells whose a number was", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Account before = stores.account();
    stores.hand_over(before, at(100), stores.other, before.endpoint, at(200));
    const auto whose = [&](SysTime written) {
        const auto found =
            stores.run(stores.resolve->find_account("whatsapp", "1001", before.endpoint, written));
        REQUIRE(found);
        CHECK(speaks_for(before.endpoint, *found));
        return found->tenant;
    };
    for (const std::int64_t second : {0, 99, 100, 199}) CHECK(whose(at(second)) == stores.ballet);
    for (const std::int64_t second : {200, 300}) CHECK(whose(at(second)) == stores.other);
    // the same message again is the same row of the first shop, and none of the second's
    const auto old = stores.run(stores.resolve->find_account("whatsapp", "1001", before.endpoint, at(50)));
    const auto first = stores.run(stores.resolve->store_message(*old, inbound("1", "hola"), at(50), "t"));
    const auto again = stores.run(stores.resolve->find_account("whatsapp", "1001", before.endpoint, at(50)));
    CHECK(stores.run(stores.resolve->store_message(*again, inbound("1", "hola"), at(300), "t")).message ==
          first.message);
    CHECK(stores.count("message in") == 1);
}
