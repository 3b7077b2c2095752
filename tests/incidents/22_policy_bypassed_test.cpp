#include <doctest/doctest.h>
#include <fmt/format.h>

#include <pqxx/pqxx>

#include "tests/postgres/fixture.hpp"

namespace relevo::testing {

TEST_CASE(
    "incident 22: a pooled connection kept the last tenant, here the setting ends with its transaction") {
    Fixture fixture(1);
    run(fixture.database.call("demo_shop", fixture.ballet, "{}"));
    CHECK(run(fixture.database.call("demo_shop", TenantId{}, "{}")) == "null");
    CHECK(run(fixture.database.call("demo_conversations", TenantId{}, "{}")) == "[]");
}

TEST_CASE(
    "incident 22: no operation sets a tenant for longer than its transaction, and none set is no tenant") {
    Fixture fixture;
    fixture.store("1", "hola", at(0));
    CHECK(fixture.test.query(
              "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
              "AND (prosrc ~ 'set_config\\([^;]*false' OR prosrc ~* '\\mSET\\s+(SESSION\\s+)?app\\.')") ==
          "");
    pqxx::connection connection(fixture.test.app_url());
    {
        pqxx::work work(connection);
        work.exec("SELECT set_config('app.tenant_id', $1, true)", pqxx::params{fixture.ballet.to_string()});
        CHECK(work.query_value<int>("SELECT count(*) FROM messages") == 1);
        work.commit();
    }
    pqxx::nontransaction work(connection);
    // it is '' now, not null: without nullif the cast would fail each statement of the pool's next user
    CHECK(work.query_value<std::string>("SELECT current_setting('app.tenant_id', true)") == "");
    CHECK(work.query_value<int>("SELECT count(*) FROM messages") == 0);
}

TEST_CASE("incident 22: the process reads and writes no tenant's rows without the setting") {
    Fixture fixture;
    fixture.store("1", "hola", at(0));
    pqxx::connection connection(fixture.test.app_url());
    pqxx::nontransaction work(connection);
    for (const auto* table :
         {"messages", "conversations", "contacts", "credentials", "agents", "tenants", "chunks"}) {
        CHECK(work.query_value<int>(fmt::format("SELECT count(*) FROM {}", table)) == 0);
    }
    CHECK_THROWS_AS(work.exec("INSERT INTO contacts (tenant_id, id) VALUES (1, gen_random_uuid())"),
                    pqxx::insufficient_privilege);
    CHECK_THROWS_AS(work.exec("SET row_security = off; SELECT count(*) FROM messages"),
                    pqxx::insufficient_privilege);
    CHECK_THROWS_AS(work.exec("ALTER TABLE messages NO FORCE ROW LEVEL SECURITY"),
                    pqxx::insufficient_privilege);
    CHECK(fixture.test.query("SELECT pg_has_role('relevo_app', 'relevo_router', 'MEMBER')") == "f");
}

TEST_CASE("incident 22: the table owner bypassed the policies, here FORCE binds the owner too") {
    Fixture fixture;
    fixture.store("1", "hola", at(0));
    pqxx::connection connection(fixture.test.owner_url());
    pqxx::nontransaction work(connection);
    CHECK(work.query_value<int>("SELECT count(*) FROM messages") == 0);
}

TEST_CASE(
    "incident 22: every table with a tenant has forced row-level security with a policy for reads and "
    "writes") {
    TestDatabase test;
    CHECK(test.query(
              "SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid "
              "WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace "
              "AND (a.attname = 'tenant_id' OR c.relname = 'tenants' AND a.attname = 'id') AND NOT "
              "a.attisdropped "
              "AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy AS p "
              "WHERE p.polrelid = c.oid AND p.polname = 'tenant' AND p.polcmd = '*' "
              "AND p.polwithcheck IS NOT NULL))") == "");
    CHECK(test.query("SELECT count(*) > 20 FROM pg_class WHERE relforcerowsecurity") == "t");
}

TEST_CASE(
    "incident 22: an owner's view bypassed the policies, here there is no view without security_invoker") {
    TestDatabase test;
    CHECK(test.query("SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') "
                     "AND NOT coalesce(reloptions @> '{security_invoker=true}', false) "
                     "AND relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_depend AS d "
                     "WHERE d.objid = pg_class.oid AND d.deptype = 'e')") == "");
}

}  // namespace relevo::testing
