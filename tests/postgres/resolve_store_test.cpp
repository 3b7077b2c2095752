#include <doctest/doctest.h>

#include <set>

#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("the same event delivered twenty times at once is one message with one place") {
    Fixture fixture(8);
    const Account account = fixture.account();
    std::vector<Task<StoredMessage>> tasks;
    for (int i = 0; i < 20; ++i) {
        tasks.push_back(fixture.resolve->store_message(account, inbound("wamid.1", "hola"), at(0), "t"));
    }
    for (const auto& stored : run_all(std::move(tasks))) {
        CHECK(stored.seq == 1);
        CHECK(stored.message == message_id(account.tenant, account.id, "wamid.1"));
    }
    CHECK(fixture.test.query("SELECT count(*) FROM messages") == "1");
    CHECK(fixture.test.query("SELECT count(*) FROM contacts") == "1");
    CHECK(fixture.test.query("SELECT last_seq FROM conversations") == "1");
}

TEST_CASE("concurrent messages of one person get distinct places without a gap") {
    Fixture fixture(8);
    const Account account = fixture.account();
    std::vector<Task<StoredMessage>> tasks;
    for (int i = 0; i < 100; ++i) {
        tasks.push_back(
            fixture.resolve->store_message(account, inbound("e" + std::to_string(i), "x"), at(i), "t"));
    }
    std::set<std::int64_t> places;
    for (const auto& stored : run_all(std::move(tasks))) places.insert(stored.seq);
    CHECK(places.size() == 100);
    CHECK(*places.rbegin() == 100);
}

TEST_CASE("SQL and C++ compute the same ids") {
    Fixture fixture;
    const auto stored = fixture.store("wamid.ñ", "hola", at(0));
    const Account account = fixture.account();
    const ContactId contact = contact_id(fixture.ballet, "wa_id", "5491150000001");
    CHECK(stored.conversation == conversation_id(fixture.ballet, contact, account.id));
    CHECK(fixture.test.query("SELECT hash_uuid('requested', 'ñandú 🩰', '', '7')") ==
          format_uuid(hash_uuid("requested", {"ñandú 🩰", "", "7"})));
    const TurnId turn = fixture.claim(stored, at(1));
    CHECK(turn == turn_id(stored.conversation, stored.message));
}

TEST_CASE("a contact is known by any alias and gains the missing ones") {
    Fixture fixture;
    const Account account = fixture.account();
    const auto by_number = fixture.store("1", "hola", at(0));
    Inbound both = inbound("2", "soy yo");
    both.aliases.push_back({"wa_user", "ana.1"});
    run(fixture.resolve->store_message(account, both, at(1), "t"));
    Inbound by_user = inbound("3", "de nuevo");
    by_user.aliases = {{"wa_user", "ana.1"}};
    const auto third = run(fixture.resolve->store_message(account, by_user, at(2), "t"));
    CHECK(third.conversation == by_number.conversation);
    CHECK(third.seq == 3);
    CHECK(fixture.test.query("SELECT address_kind || address_value FROM conversations") == "wa_userana.1");
}

TEST_CASE("people who share an alias at the same moment become one contact") {
    Fixture fixture(8);
    const Account account = fixture.account();
    std::vector<Task<StoredMessage>> tasks;
    for (int i = 0; i < 40; ++i) {
        Inbound message = inbound("e" + std::to_string(i), "x", "person-" + std::to_string(i % 2));
        message.aliases.push_back({"wa_user", "shared"});
        if (i % 3 == 0) std::swap(message.aliases[0], message.aliases[1]);
        tasks.push_back(fixture.resolve->store_message(account, message, at(i), "t"));
    }
    std::set<ConversationId> conversations;
    for (const auto& stored : run_all(std::move(tasks))) conversations.insert(stored.conversation);
    CHECK(conversations.size() == 1);
    CHECK(fixture.test.query("SELECT count(*) FROM contacts") == "1");
}

TEST_CASE("the same sender writing to two shops is two people in two conversations") {
    Fixture fixture;
    const auto here = fixture.store("1", "hola", at(0));
    const Account there = fixture.account("whatsapp", "2002");
    const auto elsewhere = run(fixture.resolve->store_message(there, inbound("1", "hola"), at(0), "t"));
    CHECK(here.conversation != elsewhere.conversation);
    CHECK(elsewhere.seq == 1);
    CHECK(fixture.test.query("SELECT count(DISTINCT tenant_id) FROM contacts") == "2");
}

TEST_CASE("a renamed contact is found under the new alias and answered there") {
    Fixture fixture;
    const auto before = fixture.store("1", "hola", at(0));
    run(fixture.resolve->rename_contact(fixture.account(), {"wa_id", "5491150000001"},
                                        {"wa_id", "5491199999999"}));
    CHECK(fixture.test.query("SELECT address_value FROM conversations") == "5491199999999");
    const auto after = fixture.store("2", "cambié el número", at(1), "5491199999999");
    CHECK(after.conversation == before.conversation);
}

TEST_CASE("the owner's echo takes the conversation over and silences what was coming") {
    Fixture fixture;
    const auto stored = fixture.store("1", "hola", at(0));
    const TurnId turn = fixture.claim(stored, at(16));
    const auto replies = fixture.answer(turn, {"uno", "dos"}, at(17));
    const auto echo = run(fixture.resolve->store_echo(
        fixture.account(), inbound("echo.1", "yo te ayudo", "5491150000001", InboundKind::echo), at(18),
        "t"));
    CHECK(echo.human);
    CHECK(echo.seq == 2);
    CHECK(fixture.ask(replies[0], at(19)).reason == "human");
    const auto next = fixture.store("2", "gracias", at(20));
    CHECK(next.human);
    CHECK(run(fixture.buffer->claim_turn(fixture.ballet, next.conversation, {next.message}, at(40), 10))
              .state == TurnClaim::State::none);
    CHECK(fixture.test.query("SELECT mode, epoch, handled_seq, last_seq FROM conversations") ==
          "human|1|3|3");
}

TEST_CASE("an echo of our own bubble changes nothing, also while its send is not noted yet") {
    Fixture fixture;
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    const auto replies = fixture.answer(turn, {"uno", "dos"}, at(17));
    const auto claim = fixture.ask(replies[0], at(18));
    const Inbound echo = inbound("wamid.out", "uno", "5491150000001", InboundKind::echo);
    CHECK_FALSE(run(fixture.resolve->store_echo(fixture.account(), echo, at(18), "t")).human);
    fixture.accept(claim, "wamid.out", at(18));
    CHECK_FALSE(run(fixture.resolve->store_echo(fixture.account(), echo, at(19), "t")).human);
    CHECK(fixture.test.query("SELECT mode, epoch FROM conversations") == "agent|0");
    CHECK(fixture.ask(replies[1], at(23)).state == ReplyClaim::State::send);
}

TEST_CASE("an account is found by its name, or as the one account of its address") {
    Fixture fixture;
    const Account named = fixture.account();
    CHECK(named.tenant == fixture.ballet);
    CHECK(named.window.quiet == Millis{16'000});
    const auto alone = run(fixture.resolve->find_account("whatsapp", "", named.endpoint));
    REQUIRE(alone);
    CHECK(alone->id == named.id);
    CHECK_FALSE(run(fixture.resolve->find_account("whatsapp", "9999", named.endpoint)));
    CHECK_FALSE(run(fixture.resolve->find_account("telegram", "", named.endpoint)));
}

TEST_CASE("what has no known shape is kept once, even where it is no JSON that PostgreSQL takes") {
    Fixture fixture;
    Inbound unknown = inbound("odd.1", "", "x", InboundKind::archived);
    unknown.raw = "{\"a\":\"\\u0000\"}";
    run(fixture.resolve->archive(fixture.account(), unknown, at(0)));
    run(fixture.resolve->archive(fixture.account(), unknown, at(1)));
    CHECK(fixture.test.query("SELECT raw FROM archive") == unknown.raw);
}
