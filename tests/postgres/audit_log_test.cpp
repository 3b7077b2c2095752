// What the audit log has of the settings, whoever changes them.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "postgres/address.hpp"
#include "postgres/pauses.hpp"
#include "postgres/shops.hpp"
#include "tests/postgres/people.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Names = std::vector<std::string>;

Names actions(const std::vector<AuditRow>& rows) {
    Names names;
    for (const auto& row : rows) names.push_back(row.action + " " + row.subject);
    return names;
}

}  // namespace

TEST_CASE("every change of a shop's settings is noted, by whom and from what to what, without its secrets") {
    PeopleFixture fixture;
    ShopSpec spec = ballet_spec();
    spec.name = "Ballet y Danza";
    spec.agent.prompt = "Sos la vendedora.";
    Database by_ana({for_operator(fixture.test.app_url(), "ana"), 2});
    PostgresVault vault(by_ana, fixture.masters);
    run(apply_shop(by_ana, vault, spec, fixture.random));
    auto rows = fixture.audit(fixture.ballet, {.action = "shop"});
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].action == "shop.change");
    CHECK(rows[0].actor.kind == "operator");
    CHECK(rows[0].actor.id == "terminal:ana");
    CHECK(rows[0].before.find("Ballet y Danza") == std::string::npos);
    CHECK(rows[0].after == R"({"name":"Ballet y Danza"})");
    rows = fixture.audit(fixture.ballet, {.action = "agent.change"});
    REQUIRE(rows.size() >= 1);
    CHECK(rows[0].after.find("Sos la vendedora.") != std::string::npos);

    run(fixture.vault.put(fixture.ballet, {{"openai", "API_KEY", Secret("sk-canary-0001")}}));
    run(fixture.vault.put(fixture.ballet, {{"openai", "API_KEY", Secret("sk-canary-0002")}}));
    run(fixture.vault.rekey(fixture.ballet));
    run(fixture.vault.remove(fixture.ballet, "openai", "API_KEY"));
    rows = fixture.audit(fixture.ballet, {.subject = "credential:openai/API_KEY"});
    CHECK(actions(rows) == Names{"credential.remove credential:openai/API_KEY",
                                 "credential.change credential:openai/API_KEY",
                                 "credential.add credential:openai/API_KEY"});
    CHECK(rows[0].actor.kind == "service");
    rows = fixture.audit(fixture.ballet, {.action = "vault_key"});
    CHECK(actions(rows) == Names{"vault_key.remove vault_key:1", "vault_key.add vault_key:2"});

    run(pause(fixture.database, {"relay", "ballet", "ana", "too loud", {}}));
    run(pause(fixture.database, {"relay", "", "ana", "far too loud", {}}));
    run(resume(fixture.database, "relay", "replies.ready", "ballet"));
    CHECK(actions(fixture.audit(fixture.ballet, {.action = "pause"})) ==
          Names{"pause.remove pause:relay", "pause.add pause:relay"});
    CHECK(actions(fixture.audit(TenantId{}, {.action = "pause"})) == Names{"pause.add pause:relay"});
    CHECK(fixture.audit(fixture.other).empty());

    // nothing that opens anything, not even sealed
    const std::string key = fixture.test.query("SELECT string_agg(key, '|') FROM endpoints");
    CHECK(fixture.test.query(fmt::format(
              "SELECT count(*) FROM audit_log WHERE concat(before, after) ~ 'canary|sealed|wrapped|{}'",
              key)) == "0");
}

TEST_CASE("another key of a webhook's address is noted, and not which") {
    PeopleFixture fixture;
    fixture.test.query("UPDATE endpoints SET key = md5(key) WHERE tenant_id = " + fixture.ballet.to_string() +
                       " AND channel = 'web'");
    const auto rows = fixture.audit(fixture.ballet, {.action = "address"});
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].before == R"({"key":"secret"})");
    CHECK(rows[0].after == R"({"key":"another secret"})");
}

TEST_CASE("a request's actor is who changed something, and only what it asked for") {
    PeopleFixture fixture(1);
    // one batch: the second has no actor
    const std::string by_ana =
        R"({"stage":"relay","by":"","reason":"a","actor":{"kind":"user","id":"7","name":"Ana","trace":"t"}})";
    const std::string by_nobody = R"({"stage":"infer","by":"","reason":"b"})";
    run(fixture.database.call_all("pause", {{fixture.ballet, by_ana}, {fixture.ballet, by_nobody}}));
    const auto who = [&](const std::string& subject) {
        const auto rows = fixture.audit(fixture.ballet, {.subject = subject});
        return rows.size() == 1 ? rows[0].actor.kind + " " + rows[0].actor.id + " " + rows[0].actor.trace
                                : "";
    };
    CHECK(who("pause:relay") == "user 7 t");
    CHECK(who("pause:infer") == "service " + fixture.test.query("SELECT session_user") + " ");
}

TEST_CASE("who runs the installation is its owner's to say, and noted") {
    PeopleFixture fixture;
    Database as_owner({for_operator(fixture.test.owner_url(), "root"), 1});
    const std::string id = run(add_operator(as_owner, "Olga", "i", "olga"));
    CHECK(run(fixture.sign_in->find_operator("i", "olga"))->id == id);
    CHECK(run(add_operator(as_owner, "Olga P.", "i", "olga")) == id);
    CHECK(run(end_operator(as_owner, id)));
    CHECK_FALSE(run(end_operator(as_owner, id)));
    CHECK_FALSE(run(end_operator(as_owner, "no id")));
    CHECK_FALSE(run(fixture.sign_in->find_operator("i", "olga")));
    const auto lines = run(list_operators(as_owner));
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].name == "Olga P.");
    CHECK_FALSE(lines[0].active);
    const auto rows = fixture.audit(TenantId{}, {.action = "operator"});
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].after == R"({"active":false})");
    CHECK(rows[0].actor.id == "terminal:root");
    CHECK_THROWS_AS(run(add_operator(fixture.database, "Mallory", "i", "m")), Failure);
}

TEST_CASE("a shop that is made is its first change") {
    PeopleFixture fixture;
    ShopSpec spec = ballet_spec();
    spec.slug = "new";
    spec.whatsapp.reset();
    spec.telegram.reset();
    const TenantId made = run(apply_shop(fixture.database, fixture.vault, spec, fixture.random)).tenant;
    const auto rows = fixture.audit(made);
    REQUIRE_FALSE(rows.empty());
    CHECK(rows.back().action == "shop.add");
    CHECK(rows.back().after.find(R"("slug":"new")") != std::string::npos);
    run(apply_shop(fixture.database, fixture.vault, spec, fixture.random));
    CHECK(fixture.audit(made, {.action = "shop.add"}).size() == 1);
}
