#include <doctest/doctest.h>

#include "tests/postgres/sessions.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Told = PeopleStore::Outcome;

// By a shop's user who might do everything then.
Told invite_as(PeopleFixture& fixture, int by, TenantId tenant, int n, const std::string& ticket) {
    const Actor actor{"user", nth<UserId>(by).to_string(), "Ana", "trace-2", Permissions::all()};
    return run(fixture.people->add_ticket(tenant, nth<UserId>(n), hash_of(ticket), at(0), at(100), actor));
}

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
    // the other shop may write the same address into a user of theirs: it learns that it has a password
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

TEST_CASE("an address that a shop gave by its own word goes to whom an operator gives it") {
    PeopleFixture fixture;
    fixture.add_active(fixture.ballet, 9, "ana@example.com", {"admin"});
    fixture.add_active(fixture.other, 8, "bea@example.com", {"admin"});
    const auto invite = [&](TenantId tenant, int n, const std::string& ticket) {
        return invite_as(fixture, tenant == fixture.ballet ? 9 : 8, tenant, n, ticket);
    };
    CHECK(fixture.add(fixture.other, 2, "bo@example.com") == Told::done);
    CHECK(invite(fixture.other, 2, "by the other shop") == Told::done);
    CHECK(fixture.redeem("by the other shop", password("theirs")));
    CHECK(run(fixture.sign_in->find_password("bo@example.com"))->tenant == fixture.other);
    // one shop's word is as good as another's: who was first keeps it
    CHECK(fixture.add(fixture.ballet, 1, "bo@example.com") == Told::done);
    CHECK(invite(fixture.ballet, 1, "by the shop") == Told::done);
    CHECK_FALSE(fixture.redeem("by the shop", password("h1")));
    CHECK(fixture.invite(fixture.ballet, 1, "by the operator") == Told::done);
    CHECK(fixture.redeem("by the operator", password("h1")));
    CHECK(run(fixture.sign_in->find_password("bo@example.com"))->tenant == fixture.ballet);
    CHECK(run(fixture.people->users(fixture.other, {}, 10)).front().status == "invited");
    CHECK(fixture.audit(fixture.other).front().action == "user.end_password");
    // what an operator gave no other shop's invitation ends, not after a reset by the shop itself either
    CHECK(invite(fixture.ballet, 1, "reset") == Told::done);
    CHECK(fixture.redeem("reset", password("h2")));
    CHECK(fixture.invite(fixture.other, 2, "by the operator there") == Told::done);
    CHECK_FALSE(fixture.redeem("by the operator there", password("h3")));
    CHECK(run(fixture.sign_in->find_password("bo@example.com"))->hash == "h2");
}

TEST_CASE("an invitation is good as long as whoever drew it might draw it") {
    PeopleFixture fixture;
    using Names = std::vector<std::string>;
    REQUIRE(run(fixture.people->put_role(fixture.ballet, "host", some({"users.invite"}), fixture.olga)) ==
            Told::done);
    REQUIRE(run(fixture.people->put_role(fixture.ballet, "reader", some({"agents.read"}), fixture.olga)) ==
            Told::done);
    fixture.add_active(fixture.ballet, 1, "ana@example.com", {"admin"});
    fixture.add_active(fixture.ballet, 2, "bea@example.com", {"admin"});
    fixture.add_active(fixture.ballet, 3, "cora@example.com", {"reader"});
    fixture.add_active(fixture.other, 4, "dora@example.com", {"admin"});
    const auto opens = [&](const std::string& ticket) {
        return fixture.redeem(ticket, password("of whoever has the ticket")).has_value();
    };
    const auto change_ana = [&](UserChange wanted) {
        return fixture.change(fixture.ballet, 1, std::move(wanted)) == Told::done;
    };
    REQUIRE(invite_as(fixture, 1, fixture.ballet, 2, "for bea") == Told::done);
    REQUIRE(invite_as(fixture, 1, fixture.ballet, 3, "for cora") == Told::done);
    REQUIRE(change_ana({.active = false}));
    CHECK_FALSE(opens("for bea"));
    CHECK_FALSE(opens("for cora"));
    CHECK(fixture.find("bea@example.com"));  // what was refused changed nothing of hers
    REQUIRE(change_ana({.active = true, .roles = Names{"host"}}));
    CHECK_FALSE(opens("for bea"));
    CHECK_FALSE(opens("for cora"));  // who may more than Ana by now
    REQUIRE(change_ana({.roles = Names{"reader"}}));
    CHECK_FALSE(opens("for cora"));  // whom Ana may not invite any more
    REQUIRE(change_ana({.roles = Names{"reader", "host"}}));
    CHECK_FALSE(opens("for bea"));
    CHECK(opens("for cora"));
    // an operator's takes the place of hers, and is nobody's of the shop
    CHECK(fixture.invite(fixture.ballet, 2, "by the operator") == Told::done);
    CHECK(opens("by the operator"));
    // nor is it good by the rights of somebody who is not, or not in this shop
    CHECK(invite_as(fixture, 4, fixture.ballet, 3, "from the other shop") == Told::done);
    CHECK_FALSE(opens("from the other shop"));
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
