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

TEST_CASE("what has no known shape is kept once, even where it is no JSON that PostgreSQL takes") {
    Fixture fixture;
    Inbound unknown = inbound("odd.1", "", "x", InboundKind::archived);
    unknown.raw = "{\"a\":\"\\u0000\"}";
    run(fixture.resolve->archive(fixture.account(), unknown, at(0)));
    run(fixture.resolve->archive(fixture.account(), unknown, at(1)));
    CHECK(fixture.test.query("SELECT raw FROM archive") == unknown.raw);
}
