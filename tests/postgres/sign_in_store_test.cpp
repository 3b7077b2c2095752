#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/json_object.hpp"
#include "postgres/json.hpp"
#include "tests/postgres/people.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Told = PeopleStore::Outcome;

NewProof password(const std::string& hash) {
    return {hash, "", ""};
}

/// Whose users all have the password "h1".
struct Sessions : PeopleFixture {
    void sign_up(int n, const std::string& email) { add_with_password(ballet, n, email, "h1"); }
    std::optional<Person> begin(int session, int user = 1, SysTime now = at(0),
                                const std::string& proven = "h1") {
        const NewSession begun{nth<SessionId>(session),
                               hash_of("session " + std::to_string(session)),
                               "last",
                               now,
                               now + Millis{1'000'000},
                               proven};
        return run(sign_in->begin_session(ballet, nth<UserId>(user), begun));
    }
    std::optional<StoredSession> open(int session, SysTime now, Millis idle = Millis{100'000}) {
        return run(sign_in->find_session(hash_of("session " + std::to_string(session)), now, idle));
    }
};

}  // namespace

TEST_CASE("what an issuer proves finds one user of one shop, with the rights of their roles") {
    PeopleFixture fixture;
    fixture.add_active(fixture.ballet, 1, "ana@example.com", {"viewer", "editor"});
    fixture.add_active(fixture.other, 2, "bea@example.com", {"admin"});
    const auto ana = fixture.find("ana@example.com");
    REQUIRE(ana);
    CHECK(ana->tenant == fixture.ballet);
    CHECK(ana->user == nth<UserId>(1));
    CHECK(ana->email == "ana@example.com");
    CHECK(ana->permissions.allows(Module::agents, Action::write));
    CHECK_FALSE(ana->permissions.allows(Module::users, Action::write));
    CHECK(fixture.find("bea@example.com")->tenant == fixture.other);
    CHECK(fixture.find("bea@example.com")->permissions == Permissions::all());
    CHECK_FALSE(fixture.find("ANA@example.com"));
    CHECK_FALSE(fixture.find(""));
    CHECK_FALSE(run(fixture.sign_in->find_person("https://evil.example", "ana@example.com")));
    CHECK(fixture.change(fixture.ballet, 1, {.active = false}) == Told::done);
    CHECK_FALSE(fixture.find("ana@example.com"));
    CHECK(fixture.change(fixture.ballet, 1, {.active = true}) == Told::done);
    CHECK(fixture.find("ana@example.com"));
}

TEST_CASE("an operator belongs to no shop") {
    PeopleFixture fixture;
    fixture.test.query("INSERT INTO platform_operators (name, issuer, subject) VALUES ('Olga', 'i', 'olga')");
    CHECK(run(fixture.sign_in->find_operator("i", "olga"))->name == "Olga");
    CHECK_FALSE(run(fixture.sign_in->find_operator("i", "ana")));
    fixture.test.query("UPDATE platform_operators SET active = false");
    CHECK_FALSE(run(fixture.sign_in->find_operator("i", "olga")));
}

TEST_CASE(
    "a session opens until it ends, lies idle or has lived its time, and as long as its user is active") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    REQUIRE(fixture.begin(1));
    const auto found = fixture.open(1, at(99));
    REQUIRE(found);
    CHECK(found->id == nth<SessionId>(1));
    CHECK(found->person.tenant == fixture.ballet);
    CHECK(fixture.test.query(
              "SELECT count(*) FROM sessions WHERE position('session 1' IN encode(hash, 'escape')) > 0") ==
          "0");
    CHECK(fixture.open(1, at(198)));  // used at 99
    CHECK_FALSE(fixture.open(1, at(298)));
    CHECK_FALSE(fixture.open(2, at(198)));
    // its end comes, used or not
    CHECK(fixture.open(1, at(999), Millis{10'000'000}));
    CHECK_FALSE(fixture.open(1, at(1'000), Millis{10'000'000}));

    REQUIRE(fixture.begin(2));
    run(fixture.sign_in->end_session(fixture.other, nth<SessionId>(2), at(1)));  // another shop's
    CHECK(fixture.open(2, at(1)));
    run(fixture.sign_in->end_session(fixture.ballet, nth<SessionId>(2), at(1)));
    CHECK_FALSE(fixture.open(2, at(1)));

    REQUIRE(fixture.begin(3));
    CHECK(fixture.change(fixture.ballet, 1, {.active = false}) == Told::done);
    CHECK_FALSE(fixture.open(3, at(1)));
    CHECK_FALSE(fixture.begin(4));
    CHECK(fixture.change(fixture.ballet, 1, {.active = true}) == Told::done);
    CHECK_FALSE(fixture.open(3, at(1)));  // what ended stays so
    CHECK_FALSE(run(fixture.sign_in->begin_session(fixture.other, nth<UserId>(1), {})));
}

TEST_CASE("a session begins with the password that its user has, and not with the one before a reset") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    CHECK(fixture.begin(1));
    CHECK_FALSE(fixture.begin(2, 1, at(0), "h0"));
    CHECK(fixture.invite(fixture.ballet, 1, "reset") == Told::done);
    CHECK(fixture.redeem("reset", password("h2")));
    CHECK_FALSE(fixture.begin(3));  // its password was checked before the reset
    CHECK(fixture.begin(4, 1, at(2), "h2"));
    CHECK(fixture.change(fixture.ballet, 1, {.email = "ana@example.org"}) == Told::done);
    CHECK_FALSE(fixture.begin(5, 1, at(3), "h2"));
    CHECK(fixture.test.query("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == "0");
}

TEST_CASE("nobody of a shop that was let go gets in, by a session, a password, an issuer or a key") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    fixture.add_active(fixture.ballet, 2, "bea@example.com");
    REQUIRE(fixture.begin(1));
    REQUIRE(run(fixture.people->add_key(
                fixture.ballet, {nth<ApiKeyId>(1), "k", some({"agents.read"}), hash_of("k"), "last", {}, {}},
                at(0), fixture.olga)) == Told::done);
    REQUIRE(run(fixture.sign_in->find_key(hash_of("k"), at(1))));
    fixture.test.query("UPDATE tenants SET retired_at = now() WHERE id = " + fixture.ballet.to_string());
    CHECK_FALSE(fixture.open(1, at(1)));
    CHECK_FALSE(fixture.begin(2));
    CHECK_FALSE(fixture.find("bea@example.com"));
    CHECK_FALSE(run(fixture.sign_in->find_key(hash_of("k"), at(1))));
}

TEST_CASE("another address ends what the old one opened") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    REQUIRE(fixture.begin(1));
    CHECK(fixture.change(fixture.ballet, 1, {.email = "ANA@example.com", .name = "Ana"}) == Told::done);
    CHECK(fixture.open(1, at(1)));
    CHECK(fixture.change(fixture.ballet, 1, {.email = "ana@example.org"}) == Told::done);
    CHECK_FALSE(fixture.open(1, at(1)));
}

TEST_CASE("who tries too often waits until the first try is over, whoever tries elsewhere does not") {
    PeopleFixture fixture;
    int drawn = 0;
    const auto try_it = [&](const std::string& email, const std::string& address, SysTime now) {
        return run(fixture.sign_in->begin_attempt(
            nth<AttemptId>(++drawn),
            {{"address", address, 4, Millis{100'000}}, {"account", email, 2, Millis{50'000}}}, now));
    };
    CHECK_FALSE(try_it("ana@example.com", "a", at(0)));
    CHECK_FALSE(try_it("Ana@Example.com", "b", at(10)));
    CHECK(try_it("ANA@example.com", "c", at(20)) == at(50));
    CHECK_FALSE(try_it("bea@example.com", "c", at(20)));
    CHECK_FALSE(try_it("ana@example.com", "c", at(50)));
    CHECK(try_it("ana@example.com", "c", at(51)) == at(60));
    // of the address: those that were let through
    CHECK_FALSE(try_it("cora@example.com", "c", at(52)));
    CHECK_FALSE(try_it("dora@example.com", "c", at(53)));
    CHECK(try_it("eva@example.com", "c", at(54)) == at(120));
    CHECK_FALSE(try_it("eva@example.com", "c", at(120)));
    CHECK(fixture.test.query("SELECT count(*) FROM sign_in_attempts WHERE counts_until <= to_timestamp(" +
                             std::to_string(to_millis(at(120)) / 1000) + ")") == "0");
    CHECK(fixture.test.query("SELECT count(*) FROM sign_in_attempts WHERE to_jsonb(sign_in_attempts)::text "
                             "LIKE '%example%'") == "0");
}

TEST_CASE("a try that succeeded counts no more, and one that is asked twice counts once") {
    PeopleFixture fixture;
    const auto try_it = [&](int attempt) {
        return run(fixture.sign_in->begin_attempt(nth<AttemptId>(attempt),
                                                  {{"account", "ana", 2, Millis{50'000}}}, at(0)));
    };
    for (int i = 0; i < 5; ++i) CHECK_FALSE(try_it(1));
    CHECK_FALSE(try_it(2));
    CHECK(try_it(3));
    run(fixture.sign_in->forgive_attempt(nth<AttemptId>(1)));
    CHECK_FALSE(try_it(3));
}

TEST_CASE("a try that one limit refuses counts against no other") {
    PeopleFixture fixture;
    int drawn = 0;
    const auto try_it = [&](const std::string& address, const std::string& email) {
        return run(fixture.sign_in->begin_attempt(
            nth<AttemptId>(++drawn),
            {{"address", address, 3, Millis{90'000}}, {"account", email, 1, Millis{50'000}}}, at(0)));
    };
    CHECK_FALSE(try_it("a stranger's", "ana"));
    for (int i = 0; i < 5; ++i) CHECK(try_it("the office's", "ana") == at(50));
    CHECK_FALSE(try_it("the office's", "bea"));
}

TEST_CASE("a session's use is noted once a minute, and the newest twenty stay") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    REQUIRE(fixture.begin(1));
    const auto used = [&] {
        return fixture.test.query("SELECT to_millis(used_at) FROM sessions ORDER BY id LIMIT 1");
    };
    CHECK(fixture.open(1, at(60)));
    CHECK(used() == std::to_string(to_millis(at(0))));
    CHECK(fixture.open(1, at(61)));
    CHECK(used() == std::to_string(to_millis(at(61))));
    for (int n = 2; n <= 25; ++n) REQUIRE(fixture.begin(n, 1, at(n)));
    CHECK(fixture.test.query("SELECT count(*) FROM sessions") == "20");
    CHECK_FALSE(fixture.open(5, at(61)));
    CHECK(fixture.open(6, at(61)));
    CHECK(fixture.begin(25, 1, at(25)));  // asked twice
    CHECK(fixture.test.query("SELECT count(*) FROM sessions") == "20");
}

TEST_CASE("all sessions of a user end at once, and nobody else's") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    fixture.sign_up(2, "bea@example.com");
    REQUIRE(fixture.begin(1));
    REQUIRE(fixture.begin(2));
    REQUIRE(fixture.begin(3, 2));
    CHECK(run(fixture.people->end_sessions(fixture.other, nth<UserId>(1), at(1), fixture.olga)) ==
          Told::not_found);
    CHECK(run(fixture.people->end_sessions(fixture.ballet, nth<UserId>(1), at(1), fixture.olga)) ==
          Told::done);
    CHECK_FALSE(fixture.open(1, at(1)));
    CHECK_FALSE(fixture.open(2, at(1)));
    CHECK(fixture.open(3, at(1)));
}

TEST_CASE("a key opens until it is revoked or over, with no more rights than its owner has now") {
    PeopleFixture fixture;
    fixture.add_active(fixture.ballet, 1, "ana@example.com", {"editor"});
    const auto add = [&](int n, std::optional<UserId> owner, std::optional<SysTime> end = {}) {
        return run(fixture.people->add_key(fixture.ballet,
                                           {nth<ApiKeyId>(n), "site", some({"agents.write", "users.write"}),
                                            hash_of("key " + std::to_string(n)), "last", owner, end},
                                           at(0), fixture.olga));
    };
    const auto open = [&](int n, SysTime now) {
        return run(fixture.sign_in->find_key(hash_of("key " + std::to_string(n)), now));
    };
    CHECK(add(1, nth<UserId>(1), at(100)) == Told::done);
    CHECK(add(1, nth<UserId>(1), at(100)) == Told::done);  // asked twice
    CHECK(add(2, {}) == Told::done);
    CHECK(add(3, nth<UserId>(9)) == Told::not_found);
    auto key = open(1, at(99));
    REQUIRE(key);
    CHECK(key->tenant == fixture.ballet);
    CHECK(key->id == nth<ApiKeyId>(1));
    CHECK(key->name == "site");
    CHECK(key->scopes == some({"agents.write", "users.write"}));
    CHECK(key->owner.allows(Module::agents, Action::write));
    CHECK_FALSE(key->owner.allows(Module::users, Action::write));
    CHECK_FALSE(open(1, at(100)));
    CHECK(open(2, at(100))->owner == Permissions::all());
    CHECK_FALSE(open(3, at(0)));

    CHECK(fixture.change(fixture.ballet, 1, {.roles = std::vector<std::string>{}}) == Told::done);
    CHECK(open(1, at(1))->owner.empty());
    CHECK(fixture.change(fixture.ballet, 1, {.active = false}) == Told::done);
    CHECK_FALSE(open(1, at(1)));
    CHECK(open(2, at(1)));
    CHECK(run(fixture.people->revoke_key(fixture.other, nth<ApiKeyId>(2), at(5), fixture.olga)) ==
          Told::not_found);
    CHECK(run(fixture.people->revoke_key(fixture.ballet, nth<ApiKeyId>(2), at(5), fixture.olga)) ==
          Told::done);
    CHECK_FALSE(open(2, at(1)));
    const auto keys = run(fixture.people->keys(fixture.ballet));
    REQUIRE(keys.size() == 2);
    CHECK(keys[1].revoked_at == at(5));
    CHECK(keys[1].last_used_at);
    CHECK(keys[0].owner == nth<UserId>(1));
    CHECK(keys[0].scopes == std::vector<std::string>{"agents.write", "users.write"});
    CHECK(run(fixture.people->keys(fixture.other)).empty());
}

TEST_CASE("a key that an operator made ends with them") {
    PeopleFixture fixture;
    fixture.test.query("INSERT INTO platform_operators (id, name, issuer, subject) VALUES ('" +
                       nth<UserId>(7).to_string() + "', 'Olga', 'i', 'olga')");
    fixture.olga.id = nth<UserId>(7).to_string();
    REQUIRE(run(fixture.people->add_key(
                fixture.ballet, {nth<ApiKeyId>(1), "k", some({"agents.read"}), hash_of("k"), "last", {}, {}},
                at(0), fixture.olga)) == Told::done);
    CHECK(run(fixture.sign_in->find_key(hash_of("k"), at(1))));
    fixture.test.query("UPDATE platform_operators SET active = false");
    CHECK_FALSE(run(fixture.sign_in->find_key(hash_of("k"), at(1))));
}

TEST_CASE("a key's id stands for one secret, and a shop has a thousand that open, which all are listed") {
    PeopleFixture fixture;
    const auto add = [&](int n, const std::string& secret) {
        return run(fixture.people->add_key(
            fixture.ballet, {nth<ApiKeyId>(n), "k", some({"agents.read"}), hash_of(secret), "last", {}, {}},
            at(n), fixture.olga));
    };
    CHECK(add(1, "one") == Told::done);
    CHECK(add(1, "one") == Told::done);  // asked twice
    CHECK(add(1, "drawn anew") == Told::taken);
    const auto fill = [&](int from, const std::string& revoked) {
        fixture.test.query(fmt::format(
            "INSERT INTO api_keys (tenant_id, id, name, scopes, hash, last4, created_at, revoked_at) "
            "SELECT {}, gen_random_uuid(), 'k', '{{}}', sha256(n::text::bytea), 'last', now(), {} "
            "FROM generate_series({}, {}) AS n",
            fixture.ballet.value, revoked, from, from + 998));
    };
    fill(0, "now()");
    fill(1'000, "now()");
    const auto listed = [&] {
        const auto rows = run(fixture.people->keys(fixture.ballet));
        return std::ranges::count(rows, nth<ApiKeyId>(1), &KeyRow::id) == 1;
    };
    CHECK(listed());  // though newer ones were revoked
    fill(2'000, "NULL");
    CHECK(listed());
    CHECK(add(2, "two") == Told::too_many);
    fixture.test.query("UPDATE api_keys SET expires_at = to_timestamp(0) WHERE id <> '" +
                       nth<ApiKeyId>(1).to_string() + "'");
    CHECK(add(2, "two") == Told::done);
}

TEST_CASE("keys of several shops in one batch open each its own") {
    PeopleFixture fixture(1);
    for (int n = 1; n <= 40; ++n) {
        const TenantId tenant = n % 2 == 0 ? fixture.ballet : fixture.other;
        REQUIRE(run(fixture.people->add_key(tenant,
                                            {nth<ApiKeyId>(n),
                                             std::to_string(n),
                                             some({"agents.read"}),
                                             hash_of("key " + std::to_string(n)),
                                             "last",
                                             {},
                                             {}},
                                            at(0), fixture.olga)) == Told::done);
    }
    std::vector<std::pair<TenantId, std::string>> requests;
    for (int round = 0; round < 10; ++round) {
        for (int n = 1; n <= 40; ++n) {
            // whatever tenant the batch is at, the key's own counts
            requests.emplace_back(
                n % 3 == 0 ? fixture.ballet : TenantId{},
                JsonObject().text("hash", hash_of("key " + std::to_string(n)).hex).time("now", at(1)).str());
        }
    }
    const auto results = run(fixture.database.call_all("find_api_key", requests));
    for (std::size_t i = 0; i < results.size(); ++i) {
        const int n = static_cast<int>(i % 40) + 1;
        const Json key = Json::parse(results[i]);
        REQUIRE(key.text("name") == std::to_string(n));
        REQUIRE(TenantId{key.number("tenant")} == (n % 2 == 0 ? fixture.ballet : fixture.other));
    }
}

TEST_CASE("an invitation is good once and until its end, and makes the user active") {
    PeopleFixture fixture;
    CHECK(fixture.add(fixture.ballet, 1, "Ana@Example.com") == Told::done);
    CHECK(fixture.invite(fixture.other, 1, "t") == Told::not_found);
    CHECK(fixture.invite(fixture.ballet, 1, "first") == Told::done);
    CHECK(fixture.invite(fixture.ballet, 1, "second") == Told::done);
    CHECK_FALSE(fixture.redeem("first", password("h1")));  // the second took its place
    const auto there = [&](const std::string& ticket, SysTime now) {
        return run(fixture.sign_in->find_ticket(hash_of(ticket), now));
    };
    CHECK_FALSE(there("first", at(0)));
    CHECK(there("second", at(99)));
    CHECK_FALSE(there("second", at(100)));
    CHECK_FALSE(fixture.redeem("second", password("h1"), at(100)));
    CHECK_FALSE(run(fixture.sign_in->find_password("ana@example.com")));
    CHECK(fixture.redeem("second", password("h1"), at(99)));
    CHECK_FALSE(fixture.redeem("second", password("h2"), at(99)));
    for (const std::string email : {"ana@example.com", "ANA@example.COM"}) {
        const auto stored = run(fixture.sign_in->find_password(email));
        REQUIRE(stored);
        CHECK(stored->tenant == fixture.ballet);
        CHECK(stored->user == nth<UserId>(1));
        CHECK(stored->hash == "h1");
    }
    CHECK_FALSE(run(fixture.sign_in->find_password("ana@example.co")));
    CHECK(run(fixture.people->users(fixture.ballet, {}, 10)).front().status == "active");
    CHECK(fixture.invite(fixture.ballet, 1, "third") == Told::done);
    CHECK(fixture.change(fixture.ballet, 1, {.active = false}) == Told::done);
    CHECK_FALSE(fixture.redeem("third", password("h3")));
    CHECK_FALSE(run(fixture.sign_in->find_password("ana@example.com")));
}

TEST_CASE("a reset ends what was proven before, sessions and keys too") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    REQUIRE(fixture.begin(1));
    for (const int n : {1, 2}) {  // one is Ana's, one nobody's
        NewKey made{nth<ApiKeyId>(n),
                    "k",
                    some({"agents.read"}),
                    hash_of("key " + std::to_string(n)),
                    "last",
                    {},
                    {}};
        if (n == 1) made.owner = nth<UserId>(1);
        REQUIRE(run(fixture.people->add_key(fixture.ballet, made, at(0), fixture.olga)) == Told::done);
    }
    const auto key = [&](int n) {
        return run(fixture.sign_in->find_key(hash_of("key " + std::to_string(n)), at(1)));
    };
    CHECK(key(1));
    CHECK(fixture.invite(fixture.ballet, 1, "reset") == Told::done);
    CHECK(fixture.open(1, at(1)));
    CHECK(fixture.redeem("reset", password("h2")));
    CHECK_FALSE(fixture.open(1, at(1)));
    CHECK_FALSE(key(1));
    CHECK(key(2));
    CHECK(fixture.test.query("SELECT actor_kind FROM audit_log WHERE action = 'key.revoke'") == "user");
    CHECK(run(fixture.sign_in->find_password("ana@example.com"))->hash == "h2");
    CHECK(fixture.invite(fixture.ballet, 1, "again") == Told::done);
    CHECK(fixture.redeem("again", {"", "https://issuer.example", "new subject"}));
    CHECK_FALSE(run(fixture.sign_in->find_password("ana@example.com")));
    CHECK(fixture.find("new subject"));
}

TEST_CASE("nobody takes an address or an identity that opens another shop's user") {
    PeopleFixture fixture;
    CHECK(fixture.add(fixture.ballet, 1, "ana@example.com") == Told::done);
    CHECK(fixture.invite(fixture.ballet, 1, "t1") == Told::done);
    CHECK(fixture.redeem("t1", password("h1")));
    fixture.add_active(fixture.ballet, 3, "cora@example.com");
    // the other shop may write the same address into a user of theirs, and learns nothing by it
    CHECK(fixture.add(fixture.other, 2, "ana@example.com", {"admin"}) == Told::done);
    CHECK(fixture.invite(fixture.other, 2, "t2") == Told::done);
    CHECK_FALSE(fixture.redeem("t2", password("h2")));
    CHECK_FALSE(fixture.redeem("t2", {"", "https://issuer.example", "cora@example.com"}));
    CHECK(run(fixture.sign_in->find_password("ana@example.com"))->hash == "h1");
    CHECK(fixture.find("cora@example.com")->tenant == fixture.ballet);
    // what failed left the invitation as it was
    CHECK(fixture.redeem("t2", {"", "https://issuer.example", "ana elsewhere"})->tenant == fixture.other);
    // nor by giving an address to somebody who has a password
    CHECK(fixture.add(fixture.other, 4, "mallory@example.com") == Told::done);
    CHECK(fixture.invite(fixture.other, 4, "t4") == Told::done);
    CHECK(fixture.redeem("t4", password("h4")));
    CHECK(fixture.change(fixture.other, 4, {.email = "dora@example.com"}) == Told::done);
    CHECK_FALSE(run(fixture.sign_in->find_password("dora@example.com")));
    CHECK_FALSE(run(fixture.sign_in->find_password("mallory@example.com")));
}

TEST_CASE("a password hashed again stays, unless it was changed meanwhile") {
    PeopleFixture fixture;
    CHECK(fixture.add(fixture.ballet, 1, "ana@example.com") == Told::done);
    CHECK(fixture.invite(fixture.ballet, 1, "t1") == Told::done);
    CHECK(fixture.redeem("t1", password("h1")));
    const auto rehash = [&](TenantId tenant, const std::string& before, const std::string& after) {
        run(fixture.sign_in->rehash(tenant, nth<UserId>(1), before, after));
        return run(fixture.sign_in->find_password("ana@example.com"))->hash;
    };
    CHECK(rehash(fixture.ballet, "h0", "h2") == "h1");
    CHECK(rehash(fixture.other, "h1", "h2") == "h1");
    CHECK(rehash(fixture.ballet, "h1", "h2") == "h2");
}
