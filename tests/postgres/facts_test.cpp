#include "postgres/facts.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "postgres/made_by_migrations.hpp"
#include "postgres/shops.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

DatabaseFacts facts_of(const TestDatabase& test) {
    return read_database_facts(Secret(test.app_url()));
}

const TableFacts& table(const DatabaseFacts& facts, const std::string& name) {
    const auto found = std::find_if(facts.tenant_tables.begin(), facts.tenant_tables.end(),
                                    [&](const auto& it) { return it.name == name; });
    REQUIRE(found != facts.tenant_tables.end());
    return *found;
}

}  // namespace

TEST_CASE("of a migrated database nothing is missing and nothing strange") {
    TestDatabase test;
    const auto facts = facts_of(test);
    CHECK(facts.version >= 150'000);
    CHECK(facts.extensions.contains("unaccent"));
    CHECK(facts.settings.at("fsync") == "on");
    CHECK(facts.settings.at("in_recovery") == "false");
    CHECK(facts.process.name == "relevo_app");
    CHECK_FALSE(facts.process.superuser);
    CHECK_FALSE(facts.process.bypasses_policies);
    CHECK_FALSE(facts.process.owns_tables);
    CHECK(facts.tenant_tables.size() > 20);
    for (const auto& each : facts.tenant_tables) {
        CAPTURE(each.name);
        CHECK(each.enabled);
        CHECK(each.forced);
        CHECK(each.policy);
    }
    CHECK(facts.views_as_owner.empty());
    CHECK(facts.strange_definers.empty());
    CHECK(facts.missing_definers.empty());
    CHECK(facts.missing_indexes.empty());
    CHECK(facts.broken_indexes.empty());
    CHECK(facts.connections >= 1);
    CHECK(std::chrono::abs(facts.ahead) < Millis{2'000});
}

TEST_CASE("the list of indexes is what the migrations make besides constraints") {
    TestDatabase test;
    std::string list;
    for (const auto name : made_indexes) list += (list.empty() ? "" : "\n") + std::string(name);
    CHECK(test.query("SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid "
                     "WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND NOT EXISTS "
                     "(SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid) "
                     "ORDER BY c.relname COLLATE \"C\"") == list);
}

TEST_CASE("each way to open a table to other shops is seen") {
    TestDatabase test;
    test.query("ALTER TABLE messages NO FORCE ROW LEVEL SECURITY");
    test.query("ALTER TABLE contacts DISABLE ROW LEVEL SECURITY");
    test.query("DROP POLICY tenant ON turns");
    test.query("CREATE POLICY everybody ON replies USING (true)");
    test.query("CREATE POLICY process ON steps FOR SELECT TO relevo_app USING (true)");
    const auto facts = facts_of(test);
    CHECK_FALSE(table(facts, "messages").forced);
    CHECK_FALSE(table(facts, "contacts").enabled);
    CHECK_FALSE(table(facts, "turns").policy);
    CHECK_FALSE(table(facts, "replies").policy);
    CHECK_FALSE(table(facts, "steps").policy);
    CHECK(table(facts, "conversations").policy);
}

TEST_CASE("views as their owner, functions across shops and lost or broken indexes are named") {
    TestDatabase test;
    test.query("CREATE VIEW all_messages AS SELECT * FROM messages");
    test.query("CREATE VIEW my_messages WITH (security_invoker = true) AS SELECT * FROM messages");
    test.query("CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER RETURN 1");
    test.query("ALTER FUNCTION list_tenants OWNER TO relevo_owner");
    test.query("ALTER FUNCTION find_endpoint SECURITY INVOKER");
    test.query("DROP INDEX timers_due");
    test.query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'turns_open'::regclass");
    const auto facts = facts_of(test);
    CHECK(facts.views_as_owner == std::vector<std::string>{"all_messages"});
    CHECK(facts.strange_definers == std::vector<std::string>{"list_tenants", "peek"});
    CHECK(facts.missing_definers == std::vector<std::string>{"find_endpoint"});
    CHECK(facts.missing_indexes == std::vector<std::string>{"timers_due"});
    CHECK(facts.broken_indexes == std::vector<std::string>{"turns_open"});
}

TEST_CASE("a foreign key of a large table without an index is named, one with an index in any order is not") {
    TestDatabase test;
    CHECK(facts_of(test).unindexed_references.empty());
    test.query(
        "CREATE TABLE large (tenant_id bigint, account_id uuid, contact_id uuid, "
        "FOREIGN KEY (tenant_id, account_id) REFERENCES accounts, "
        "FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id))");
    test.query("CREATE INDEX ON large (contact_id, tenant_id)");
    test.query("UPDATE pg_class SET reltuples = 1000000 WHERE relname = 'large'");
    CHECK(facts_of(test).unindexed_references == std::vector<std::string>{"large (tenant_id, account_id)"});
}

TEST_CASE("a role that no policy binds is seen") {
    TestDatabase test;
    const auto owner = read_database_facts(Secret(test.owner_url())).process;
    CHECK(owner.name == "relevo_owner");
    CHECK(owner.owns_tables);
}

TEST_CASE("what waits for an operator is counted over all shops") {
    Fixture fixture;
    const auto letters = make_dead_letters(fixture.database);
    const auto timers = make_timers(fixture.database);
    std::int64_t offset = 0;
    for (const std::string& key : {fixture.ballet.to_string() + ":a", fixture.other.to_string() + ":b"}) {
        DeadLetter letter;
        letter.topic = "turns.ready";
        letter.stage = "retrieve";
        letter.key = key;
        letter.headers = "{}";
        letter.offset = {++offset};
        run(letters->bury({letter}));
        run(timers->park({at(0), {"turns.ready", key, "{}", {}}}));
    }
    fixture.test.query(
        "INSERT INTO dead_letters (stage, topic, partition, record_offset, record_key, value, headers, "
        "code, text, attempts, status) VALUES ('retrieve', 'gone', 0, 1, 'k', '{}', '{}', 'a.b', 'c', 1, "
        "'dropped')");
    const auto facts = read_waiting_facts(Secret(fixture.test.operator_url()));
    CHECK(facts.role.name == "relevo_operator");
    CHECK(facts.dead_letters == std::map<std::string, std::int64_t>{{"retrieve", 2}});
    CHECK(facts.overdue_timers == 2);
    CHECK(facts.longest_overdue > Millis{0});
}

TEST_CASE("every shop's credentials and accounts are read, each as itself") {
    Fixture fixture;
    const auto facts = read_shop_facts(Secret(fixture.test.app_url()));
    std::vector<std::string> accounts;
    for (const auto& account : facts.accounts) {
        CHECK(account.key.size() >= 16);
        accounts.push_back(account.shop + " " + account.channel + " " + account.account);
    }
    CHECK(accounts == std::vector<std::string>{"ballet telegram 777", "ballet web ballet",
                                               "ballet whatsapp 1001", "ferreteria web ferreteria",
                                               "ferreteria whatsapp 2002"});
    bool found = false;
    for (const auto& [tenant, shop, credential] : facts.credentials) {
        const auto secret = open_credential(*fixture.masters, tenant, credential);
        if (shop == "ballet" && credential.name == "BOT_TOKEN") found = secret.reveal() == "777:token";
    }
    CHECK(found);
}

TEST_CASE("the agents that answer for a shop are read, with their fallbacks, and those that do not are not") {
    Fixture fixture;
    ShopSpec spec = ballet_spec();
    const std::string former = spec.agent.name;
    spec.agent.name = "Ana";
    spec.agent.provider = "openai";
    spec.agent.model = "small";
    spec.agent.fallbacks = {{"openai", "https://other.example/v1", "large", "other"},
                            {"offline", "", "", ""}};
    run(apply_shop(fixture.database, fixture.vault, spec, fixture.random));
    CHECK(fixture.test.query("SELECT count(*) FROM agents WHERE name = '" + former + "'") != "0");
    std::vector<std::string> agents;
    for (const auto& [tenant, shop, agent, prices] : read_shop_facts(Secret(fixture.test.app_url())).agents) {
        if (tenant != fixture.ballet) continue;
        agents.push_back(shop + " " + agent.name + " " + agent.provider + " " + agent.model);
        REQUIRE(agent.fallbacks.size() == 2);
        CHECK(agent.fallbacks[0].base_url == "https://other.example/v1");
        CHECK(agent.fallbacks[0].credentials == "other");
        CHECK(prices == std::vector<ModelFacts::Price>(3, ModelFacts::Price::unlimited));
    }
    CHECK(agents == std::vector<std::string>{"ballet Ana openai small"});
}

TEST_CASE("of a model that a hard limit counts it is read whether its price is known, and for how long") {
    using Price = ModelFacts::Price;
    Fixture fixture;
    ShopSpec spec = ballet_spec();
    spec.agent.provider = "openai";
    spec.agent.model = "small";
    run(apply_shop(fixture.database, fixture.vault, spec, fixture.random));
    const auto price = [&] {
        for (const auto& agent : read_shop_facts(Secret(fixture.test.app_url())).agents)
            if (agent.tenant == fixture.ballet) return agent.prices.at(0);
        return Price::unlimited;
    };
    const auto limit = [&](const char* kind) {
        fixture.test.query(fmt::format(
            "INSERT INTO budgets (tenant_id, period, currency, {}) VALUES ({}, 'month', 'USD', 1) "
            "ON CONFLICT (agent_id, period, tenant_id) DO UPDATE SET hard = 1",
            kind, fixture.ballet.value));
    };
    limit("soft");
    CHECK(price() == Price::unlimited);
    limit("hard");
    CHECK(price() == Price::missing);
    fixture.test.query(
        "INSERT INTO prices VALUES ('openai', '', 's*', '-infinity', now() + interval '1 day', 'USD', 1, 1, "
        "1)");
    CHECK(price() == Price::ends);
    fixture.test.query("UPDATE prices SET valid_until = NULL");
    CHECK(price() == Price::known);
    fixture.test.query("UPDATE prices SET currency = 'EUR'");
    CHECK(price() == Price::missing);
}

TEST_CASE("a server that is away, and a table that is not made yet, are told apart") {
    const auto code_of = [](const auto& read) {
        try {
            read();
        } catch (const Failure& failure) {
            return failure.error().code;
        }
        return std::string();
    };
    CHECK(code_of([] { read_database_facts(Secret("postgresql://127.0.0.1:1/none")); }) ==
          "postgres.unavailable");
    EmptyDatabase empty;
    CHECK(code_of([&] { read_shop_facts(Secret(empty.app_url())); }) == "postgres.rejected");
}
