#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <pqxx/pqxx>

#include "tests/postgres/people.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Told = PeopleStore::Outcome;
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a shop's users are its own") {
    PeopleFixture fixture;
    CHECK(fixture.add(fixture.ballet, 1, "Ana@Example.com", {"admin", "viewer"}) == Told::done);
    CHECK(fixture.add(fixture.ballet, 1, "Ana@Example.com") == Told::done);  // asked twice
    CHECK(fixture.add(fixture.ballet, 2, "ana@example.com") == Told::taken);
    CHECK(fixture.add(fixture.ballet, 3, "bea@example.com", {"wizard"}) == Told::unknown_role);
    CHECK(fixture.add(fixture.ballet, 3, "bea@example.com", {}) == Told::done);
    CHECK(fixture.add(fixture.other, 4, "ana@example.com") == Told::done);
    const auto users = run(fixture.people->users(fixture.ballet, {}, 10));
    REQUIRE(users.size() == 2);
    CHECK(users[0].id == nth<UserId>(1));
    CHECK(users[0].email == "ana@example.com");
    CHECK(users[0].status == "invited");
    CHECK(users[0].roles == Names{"admin", "viewer"});
    CHECK(users[1].roles == Names{});
    CHECK(run(fixture.people->users(fixture.ballet, {}, 1)).size() == 1);
    CHECK(run(fixture.people->users(fixture.ballet, nth<UserId>(1), 10)).front().id == nth<UserId>(3));
    CHECK(run(fixture.people->users(fixture.other, {}, 10)).size() == 1);
    CHECK(fixture.change(fixture.other, 1, {.name = "x"}) == Told::not_found);
    CHECK(fixture.change(fixture.ballet, 9, {.name = "x"}) == Told::not_found);
    CHECK(fixture.change(fixture.ballet, 3, {.email = "ANA@example.com"}) == Told::taken);
    CHECK(fixture.change(fixture.ballet, 3, {.roles = Names{"wizard"}}) == Told::unknown_role);
    CHECK(fixture.change(fixture.ballet, 3,
                         {.email = "Bea@b.example", .name = "Bea", .roles = Names{"editor"}}) == Told::done);
    const auto bea = run(fixture.people->users(fixture.ballet, nth<UserId>(1), 10)).front();
    CHECK(bea.email == "bea@b.example");
    CHECK(bea.name == "Bea");
    CHECK(bea.roles == Names{"editor"});
}

TEST_CASE("built-in roles have the permissions that there are, and are every shop's and nobody's to change") {
    PeopleFixture fixture;
    for (const TenantId tenant : {fixture.ballet, fixture.other}) {
        const auto roles = run(fixture.people->roles(tenant));
        REQUIRE(roles.size() == 3);
        CHECK(roles[0].name == "admin");
        CHECK(roles[0].built_in);
        CHECK(roles[0].permissions == Permissions::all());
        CHECK(roles[1].name == "editor");
        CHECK(roles[2].name == "viewer");
        CHECK(roles[1].permissions.covers(roles[2].permissions));
        for (std::size_t n : {1U, 2U}) {
            CHECK(roles[n].permissions.allows(Module::shop, Action::read));
            CHECK_FALSE(roles[n].permissions.allows(Module::shop, Action::write));
        }
    }
    // every name that is stored is one that this version knows
    CHECK(fixture.test.query("SELECT count(*) FROM roles CROSS JOIN LATERAL jsonb_each(permissions) AS m "
                             "CROSS JOIN LATERAL jsonb_array_elements_text(m.value) WHERE name = 'admin'") ==
          std::to_string(Permissions::all().names().size()));
    for (const std::string name : {"admin", "editor", "viewer"}) {
        CHECK(run(fixture.people->put_role(fixture.ballet, name, Permissions::all(), fixture.olga)) ==
              Told::taken);
        CHECK(run(fixture.people->remove_role(fixture.ballet, name, fixture.olga)) == Told::not_found);
    }
    pqxx::connection connection(fixture.test.app_url());
    pqxx::nontransaction work(connection);
    work.exec(fmt::format("SET app.tenant_id = '{}'", fixture.ballet.value));
    CHECK(work.exec("UPDATE roles SET permissions = '{}'").affected_rows() == 0);
    CHECK(work.exec("DELETE FROM roles").affected_rows() == 0);
    CHECK_THROWS_AS(work.exec("INSERT INTO roles (name, permissions) VALUES ('x', '{}')"), pqxx::sql_error);
}

TEST_CASE("a shop's own roles are its own, and another shop's cannot be given") {
    PeopleFixture fixture;
    const auto put = [&](TenantId tenant, Permissions permissions) {
        return run(fixture.people->put_role(tenant, "seller", permissions, fixture.olga));
    };
    fixture.add_active(fixture.ballet, 1, "ana@example.com");
    CHECK(put(fixture.ballet, some({"vault.read", "conversations.read", "conversations.reply"})) ==
          Told::done);
    CHECK(run(fixture.people->roles(fixture.ballet)).size() == 4);
    CHECK(run(fixture.people->roles(fixture.other)).size() == 3);
    CHECK(fixture.add(fixture.other, 2, "bea@example.com", {"seller"}) == Told::unknown_role);
    CHECK(fixture.change(fixture.ballet, 1, {.roles = Names{"seller"}}) == Told::done);
    CHECK(fixture.find("ana@example.com")->permissions ==
          some({"vault.read", "conversations.read", "conversations.reply"}));
    CHECK(put(fixture.ballet, some({"vault.read"})) == Told::done);
    CHECK(fixture.find("ana@example.com")->permissions == some({"vault.read"}));
    CHECK(run(fixture.people->remove_role(fixture.ballet, "seller", fixture.olga)) == Told::taken);
    CHECK(fixture.change(fixture.ballet, 1, {.roles = Names{}}) == Told::done);
    CHECK(run(fixture.people->remove_role(fixture.ballet, "seller", fixture.olga)) == Told::done);
    // nor past the operations
    CHECK(put(fixture.other, Permissions::all()) == Told::done);
    const std::string theirs = fixture.test.query("SELECT id FROM roles WHERE name = 'seller'");
    pqxx::connection connection(fixture.test.app_url());
    pqxx::nontransaction work(connection);
    work.exec(fmt::format("SET app.tenant_id = '{}'", fixture.ballet.value));
    CHECK_THROWS_AS(
        work.exec(fmt::format("INSERT INTO user_roles (tenant_id, user_id, role_id) VALUES ({}, '{}', {})",
                              fixture.ballet.value, nth<UserId>(1).to_string(), theirs)),
        pqxx::sql_error);
}

TEST_CASE("somebody who can manage the shop's users is always left") {
    PeopleFixture fixture;
    fixture.add_active(fixture.ballet, 1, "ana@example.com", {"admin"});
    fixture.add_active(fixture.ballet, 2, "bea@example.com", {"editor"});
    CHECK(fixture.change(fixture.ballet, 1, {.active = false}) == Told::last_admin);
    CHECK(fixture.change(fixture.ballet, 1, {.roles = Names{"editor"}}) == Told::last_admin);
    CHECK(fixture.find("ana@example.com")->permissions == Permissions::all());
    CHECK(run(fixture.people->put_role(fixture.ballet, "managers", some({"users.write"}), fixture.olga)) ==
          Told::done);
    CHECK(fixture.change(fixture.ballet, 2, {.roles = Names{"managers"}}) == Told::done);
    CHECK(fixture.change(fixture.ballet, 1, {.active = false}) == Told::done);
    CHECK(run(fixture.people->put_role(fixture.ballet, "managers", some({"users.read"}), fixture.olga)) ==
          Told::last_admin);
    CHECK(fixture.change(fixture.ballet, 2, {.name = "Bea"}) == Told::done);
}

TEST_CASE("nobody gives, takes away or resets what they do not have") {
    PeopleFixture fixture;
    fixture.add_active(fixture.ballet, 1, "ana@example.com", {"admin"});
    fixture.add_active(fixture.ballet, 2, "bea@example.com", {"editor"});
    fixture.add_active(fixture.ballet, 3, "cora@example.com", {"viewer"});
    const Permissions managing = some({"users.read", "users.write", "users.invite"});
    const auto managers = [&](Permissions more) {
        auto names = managing.names();
        for (const auto& name : more.names()) names.push_back(name);
        return Permissions::known(names);
    };
    REQUIRE(run(fixture.people->put_role(fixture.ballet, "strong", Permissions::all(), fixture.olga)) ==
            Told::done);
    // who manages the shop's people, and may themselves do what a viewer may
    const Permissions viewer = fixture.find("cora@example.com")->permissions;
    Actor dora{"user", nth<UserId>(2).to_string(), "Dora", "", managers(viewer)};
    const auto change = [&](int n, UserChange wanted) {
        return run(fixture.people->change_user(fixture.ballet, nth<UserId>(n), std::move(wanted), dora));
    };
    const auto add = [&](int n, const std::string& role) {
        return run(fixture.people->add_user(fixture.ballet,
                                            {nth<UserId>(n), role + "@example.com", "", {role}}, dora));
    };
    const auto invite = [&](int n) {
        return run(fixture.people->add_ticket(fixture.ballet, nth<UserId>(n),
                                              hash_of("t" + std::to_string(n)), at(0), at(9), dora));
    };
    const auto put = [&](const std::string& name, Permissions permissions) {
        return run(fixture.people->put_role(fixture.ballet, name, permissions, dora));
    };
    CHECK(change(3, {.roles = Names{"admin"}}) == Told::beyond_actor);
    CHECK(change(3, {.roles = Names{"editor"}}) == Told::beyond_actor);
    CHECK(change(3, {.roles = Names{"strong"}}) == Told::beyond_actor);
    CHECK(change(3, {.name = "Cora"}) == Told::done);
    CHECK(change(1, {.email = "dora@example.com"}) == Told::beyond_actor);
    CHECK(change(1, {.active = false}) == Told::beyond_actor);
    CHECK(change(2, {.roles = Names{"viewer"}}) == Told::beyond_actor);
    CHECK(add(4, "admin") == Told::beyond_actor);
    CHECK(add(4, "viewer") == Told::done);
    CHECK(invite(1) == Told::beyond_actor);
    CHECK(invite(3) == Told::done);
    CHECK(run(fixture.people->end_sessions(fixture.ballet, nth<UserId>(1), at(0), dora)) ==
          Told::beyond_actor);
    CHECK(put("new", Permissions::all()) == Told::beyond_actor);
    CHECK(put("strong", some({"users.read"})) == Told::beyond_actor);
    CHECK(put("new", managing) == Told::done);
    CHECK(run(fixture.people->remove_role(fixture.ballet, "strong", dora)) == Told::beyond_actor);
    const auto key = [&](Permissions scopes) {
        return run(fixture.people->add_key(
            fixture.ballet, {nth<ApiKeyId>(1), "k", scopes, hash_of("k"), "last", {}, {}}, at(0), dora));
    };
    CHECK(key(some({"vault.read"})) == Told::beyond_actor);
    CHECK(key(some({"agents.read"})) == Told::done);
    CHECK(run(fixture.people->users(fixture.ballet, {}, 10)).size() == 4);
    dora.may = {};
    CHECK(change(3, {.name = "Eva"}) == Told::beyond_actor);
}

TEST_CASE("two administrators who remove each other at once do not both succeed") {
    PeopleFixture fixture;
    for (int round = 0; round < 10; ++round) {
        const std::string ana = fmt::format("ana{}@example.com", round);
        const std::string bea = fmt::format("bea{}@example.com", round);
        const TenantId shop = fixture.ballet;
        fixture.test.query("DELETE FROM users");
        fixture.add_active(shop, 1, ana, {"admin"});
        fixture.add_active(shop, 2, bea, {"admin"});
        std::vector<Task<Told>> removals;
        for (const int n : {1, 2}) {
            removals.push_back(
                fixture.people->change_user(shop, nth<UserId>(n), {.active = false}, fixture.olga));
        }
        const auto outcomes = run_all(std::move(removals));
        CHECK(std::ranges::count(outcomes, Told::done) == 1);
        CHECK(std::ranges::count(outcomes, Told::last_admin) == 1);
    }
}

TEST_CASE("every change is noted with who made it, and nobody rewrites that") {
    PeopleFixture fixture;
    fixture.add_active(fixture.ballet, 1, "ana@example.com");
    CHECK(fixture.change(fixture.ballet, 1, {.name = "Ana", .roles = Names{"admin"}}) == Told::done);
    CHECK(fixture.change(fixture.ballet, 1, {.name = "Ana"}) == Told::done);  // nothing new
    CHECK(run(fixture.people->put_role(fixture.ballet, "seller", some({"vault.read"}), fixture.olga)) ==
          Told::done);
    CHECK(run(fixture.people->put_role(fixture.ballet, "seller", some({"vault.read"}), fixture.olga)) ==
          Told::done);
    const auto key = nth<ApiKeyId>(1);
    CHECK(run(fixture.people->add_key(
              fixture.ballet, {key, "site", some({"agents.read"}), hash_of("rlv_key_canary"), "nary", {}, {}},
              at(0), fixture.olga)) == Told::done);
    for (int i = 0; i < 2; ++i) {
        CHECK(run(fixture.people->revoke_key(fixture.ballet, key, at(1), fixture.olga)) == Told::done);
    }
    const auto rows = fixture.audit(fixture.ballet);
    Names actions;
    for (const auto& row : rows) actions.push_back(row.action);
    CHECK(actions ==
          Names{"key.revoke", "key.add", "role.put", "user.change", "user.prove", "user.invite", "user.add"});
    const AuditRow& change = rows[3];
    CHECK(change.actor.kind == "operator");
    CHECK(change.actor.id == "op");
    CHECK(change.actor.name == "Olga");
    CHECK(change.actor.trace == "trace-1");
    CHECK(change.subject == "user:" + nth<UserId>(1).to_string());
    CHECK(change.before.find(R"("roles":["viewer"])") != std::string::npos);
    CHECK(change.after.find(R"("roles":["admin"])") != std::string::npos);
    CHECK(rows[4].actor.kind == "user");
    CHECK(rows.back().before == "null");
    CHECK(to_millis(change.at) > 0);
    // without what opens anything
    CHECK(fixture.test.query(
              "SELECT count(*) FROM audit_log WHERE concat(before, after) ~ '[0-9a-f]{64}|canary'") == "0");

    CHECK(fixture.audit(fixture.other).empty());
    CHECK(fixture.audit(fixture.ballet, {.actor = "op"}).size() == 6);
    CHECK(fixture.audit(fixture.ballet, {.subject = "role:seller"}).size() == 1);
    CHECK(fixture.audit(fixture.ballet, {.action = "key.add"}).size() == 1);
    CHECK(fixture.audit(fixture.ballet, {.action = "user"}).size() == 4);
    CHECK(fixture.audit(fixture.ballet, {.action = "use"}).empty());
    CHECK(fixture.audit(fixture.ballet, {.limit = 2}).size() == 2);
    CHECK(fixture.audit(fixture.ballet, {.before = rows[2].id}).front().id == rows[3].id);
    CHECK(fixture.audit(fixture.ballet, {.since = rows[0].at + Millis{60'000}}).empty());
    CHECK(fixture.audit(fixture.ballet, {.until = rows[0].at + Millis{60'000}}).size() == 7);

    // not even who owns the table, or obeys no policy
    for (const auto* statement :
         {"UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"}) {
        for (const std::string& url : {fixture.test.app_url(), fixture.test.owner_url()}) {
            pqxx::connection connection(url);
            pqxx::nontransaction work(connection);
            work.exec(fmt::format("SET app.tenant_id = '{}'", fixture.ballet.value));
            CHECK_THROWS_AS(work.exec(statement), pqxx::insufficient_privilege);
        }
        CHECK_THROWS_AS(fixture.test.query(statement), pqxx::insufficient_privilege);
    }
    CHECK(fixture.audit(fixture.ballet).size() == 7);
}

TEST_CASE("a reset that somebody with fewer rights made is no good for a user who may do more by then") {
    PeopleFixture fixture;
    fixture.add_active(fixture.ballet, 1, "ana@example.com", {"viewer"});
    const Permissions viewer = fixture.find("ana@example.com")->permissions;
    fixture.add_active(fixture.ballet, 2, "dora@example.com", {"admin"});  // whom she became afterwards
    const Actor dora{"user", nth<UserId>(2).to_string(), "Dora", "", viewer};
    const auto invite = [&](const std::string& ticket) {
        return run(
            fixture.people->add_ticket(fixture.ballet, nth<UserId>(1), hash_of(ticket), at(0), at(9), dora));
    };
    REQUIRE(invite("t1") == Told::done);
    REQUIRE(fixture.change(fixture.ballet, 1, {.roles = Names{"admin"}}) == Told::done);
    CHECK_FALSE(fixture.redeem("t1", {"hash", "", ""}));
    CHECK(fixture.find("ana@example.com"));
    REQUIRE(fixture.invite(fixture.ballet, 1, "t2") == Told::done);  // an operator's
    CHECK(fixture.redeem("t2", {"hash", "", ""}));
}

TEST_CASE("no row of another shop's people is seen, changed or made, whoever's ids are named") {
    PeopleFixture fixture;
    fixture.add_with_password(fixture.ballet, 1, "ana@example.com", "h1", {"admin"});
    REQUIRE(run(fixture.people->put_role(fixture.ballet, "seller", some({"vault.read"}), fixture.olga)) ==
            Told::done);
    REQUIRE(fixture.invite(fixture.ballet, 1, "open") == Told::done);
    REQUIRE(run(fixture.sign_in->begin_session(
        fixture.ballet, nth<UserId>(1), {nth<SessionId>(1), hash_of("s"), "last", at(0), at(9), "h1"})));
    REQUIRE(run(fixture.people->add_key(
                fixture.ballet, {nth<ApiKeyId>(1), "k", some({"agents.read"}), hash_of("k"), "last", {}, {}},
                at(0), fixture.olga)) == Told::done);
    pqxx::connection connection(fixture.test.app_url());
    pqxx::nontransaction work(connection);
    for (const std::string& tenant : {fixture.other.to_string(), std::string()}) {
        work.exec("SET app.tenant_id = '" + tenant + "'");
        for (const std::string table : {"users", "user_identities", "user_passwords", "sessions",
                                        "user_tickets", "api_keys", "user_roles", "audit_log"}) {
            CAPTURE(table);
            CHECK(work.query_value<int>(fmt::format("SELECT count(*) FROM {} WHERE tenant_id = {}", table,
                                                    fixture.ballet.value)) == 0);
            if (table == "audit_log") continue;  // the table draws its ids
            CHECK_THROWS_AS(work.exec(fmt::format("INSERT INTO {0} SELECT (jsonb_populate_record(NULL::{0}, "
                                                  "'{{\"tenant_id\": {1}}}')).*",
                                                  table, fixture.ballet.value)),
                            pqxx::insufficient_privilege);
        }
        CHECK(work.query_value<int>("SELECT count(*) FROM roles WHERE tenant_id IS NOT NULL") == 0);
        CHECK(work.exec("DELETE FROM sessions").affected_rows() == 0);
        CHECK(work.exec("UPDATE users SET status = 'disabled'").affected_rows() == 0);
        CHECK(work.exec("UPDATE api_keys SET revoked_at = now()").affected_rows() == 0);
    }
    CHECK(fixture.test.query("SELECT status FROM users WHERE tenant_id = " + fixture.ballet.to_string()) ==
          "active");
    CHECK(fixture.test.query("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL") == "1");
}
