#include <doctest/doctest.h>
#include <fmt/format.h>

#include <pqxx/pqxx>

#include "core/json_object.hpp"
#include "postgres/json.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("a batch of several tenants answers each with its own rows") {
    Fixture fixture(1);
    std::vector<std::pair<TenantId, std::string>> requests;
    for (int i = 0; i < 400; ++i) {
        requests.emplace_back(i % 2 == 0 ? fixture.ballet : fixture.other, "{}");
    }
    const auto shops = run(fixture.database.call_all("demo_shop", requests));
    for (std::size_t i = 0; i < shops.size(); ++i) {
        REQUIRE(Json::parse(shops[i]).text("slug") == (i % 2 == 0 ? "ballet" : "ferreteria"));
    }
}

TEST_CASE("an operator reads what became of every shop's messages, changes nothing and reads no words") {
    Fixture fixture;
    fixture.store("1", "hola", at(0));
    const auto letters = make_dead_letters(fixture.database);
    const auto timers = make_timers(fixture.database);
    Inbound strange = inbound("2", "");
    strange.raw = "{}";
    run(fixture.resolve->archive(fixture.account(), strange, at(0)));
    std::int64_t offset = 0;
    for (const std::string& key : {fixture.ballet.to_string() + ":a", fixture.other.to_string() + ":b",
                                   std::string("whatsapp:1001:5")}) {
        DeadLetter letter;
        letter.topic = "messages.received";
        letter.stage = "resolve";
        letter.key = key;
        letter.headers = "{}";
        letter.offset = {++offset};
        run(letters->bury({letter}));
        run(timers->park({at(90), {"messages.received", key, "{}", {}}}));
    }
    pqxx::connection connection(fixture.test.operator_url());
    pqxx::nontransaction work(connection);
    CHECK(work.query_value<int>("SELECT count(*) FROM dead_letters") == 3);
    CHECK(work.query_value<int>("SELECT count(*) FROM timers") == 3);
    CHECK(work.query_value<int>("SELECT count(*) FROM archive") == 1);
    CHECK_THROWS_AS(work.exec("DELETE FROM dead_letters"), pqxx::insufficient_privilege);
    CHECK_THROWS_AS(work.exec("UPDATE timers SET due_at = now()"), pqxx::insufficient_privilege);
    CHECK(work.query_value<int>("SELECT count(*) FROM messages") == 1);
    // what people wrote, what the model was asked and said, and records that may hold either
    const std::vector<std::string> words{
        "text FROM messages",  "metadata FROM messages",    "text FROM replies",         "request FROM steps",
        "response FROM steps", "arguments FROM tool_calls", "result FROM tool_calls",    "raw FROM archive",
        "value FROM timers",   "value FROM dead_letters",   "original FROM dead_letters"};
    pqxx::connection text_connection(fixture.test.operator_text_url());
    pqxx::nontransaction text_work(text_connection);
    for (const auto& column : words) {
        CAPTURE(column);
        CHECK_THROWS_AS(work.exec("SELECT " + column), pqxx::insufficient_privilege);
        CHECK_NOTHROW(text_work.exec("SELECT " + column));
    }
    for (const auto* secret : {"sealed FROM credentials", "key FROM endpoints", "prompt FROM agents",
                               "text FROM chunks", "snapshot FROM agent_versions", "name FROM contacts"}) {
        CAPTURE(secret);
        CHECK_THROWS_AS(work.exec(std::string("SELECT ") + secret), pqxx::insufficient_privilege);
    }
    // a replay's role: agents as they were, and the keys of the models only
    for (const auto* secret : {"key FROM endpoints", "text FROM chunks"}) {
        CAPTURE(secret);
        CHECK_THROWS_AS(text_work.exec(std::string("SELECT ") + secret), pqxx::insufficient_privilege);
    }
    CHECK_THROWS_AS(text_work.exec("UPDATE timers SET due_at = now()"), pqxx::insufficient_privilege);
    // every column of the tables that it reads is one that it was given or one of those words
    CHECK(fixture.test.query(
              "SELECT string_agg(c.table_name || '.' || c.column_name, ' ' ORDER BY c.table_name || '.' || "
              "c.column_name) "
              "FROM information_schema.columns AS c "
              "WHERE c.table_schema = 'public' AND c.table_name IN ('messages', 'replies', 'steps', "
              "'tool_calls', 'archive', 'timers', 'dead_letters') "
              "AND NOT has_column_privilege('relevo_operator', c.table_name::text, c.column_name::text, "
              "'SELECT')") ==
          "archive.raw dead_letters.original dead_letters.value messages.metadata messages.text replies.text "
          "steps.request steps.response timers.value tool_calls.arguments tool_calls.result");
    CHECK(fixture.test.query("SELECT DISTINCT privilege_type FROM information_schema.column_privileges "
                             "WHERE grantee IN ('relevo_operator', 'relevo_operator_text')") == "SELECT");
}

TEST_CASE("only these functions cross tenants, and nobody but the process may call them") {
    TestDatabase test;
    CHECK(test.query("SELECT p.proname, r.rolname, array_to_string(p.proconfig, ','), "
                     "has_function_privilege('relevo_operator', p.oid, 'EXECUTE') "
                     "FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner "
                     "WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace ORDER BY 1") ==
          "count_backlog|relevo_router|search_path=pg_catalog, public|f\n"
          "count_due_timers|relevo_router|search_path=pg_catalog, public|f\n"
          "count_money|relevo_router|search_path=pg_catalog, public|f\n"
          "find_api_key|relevo_router|search_path=pg_catalog, public|f\n"
          "find_endpoint|relevo_router|search_path=pg_catalog, public|f\n"
          "find_identity|relevo_router|search_path=pg_catalog, public|f\n"
          "find_login|relevo_router|search_path=pg_catalog, public|f\n"
          "find_origin|relevo_router|search_path=pg_catalog, public|f\n"
          "find_session|relevo_router|search_path=pg_catalog, public|f\n"
          "find_ticket|relevo_router|search_path=pg_catalog, public|f\n"
          "forget_api_requests|relevo_router|search_path=pg_catalog, public|f\n"
          "has_guests|relevo_router|search_path=pg_catalog, public|f\n"
          "is_anothers|relevo_router|search_path=pg_catalog, public|f\n"
          "lease_meta_connections|relevo_router|search_path=pg_catalog, public|f\n"
          "lease_timers|relevo_router|search_path=pg_catalog, public|f\n"
          "list_endpoints|relevo_router|search_path=pg_catalog, public|f\n"
          "list_pauses|relevo_router|search_path=pg_catalog, public|f\n"
          "list_tenants|relevo_router|search_path=pg_catalog, public|f\n"
          "register_tenant|relevo_router|search_path=pg_catalog, public|f\n"
          "resolve_account|relevo_router|search_path=pg_catalog, public|f\n"
          "resolve_owner|relevo_router|search_path=pg_catalog, public|f");
    CHECK(test.query(
              "SELECT string_agg(DISTINCT table_name || ':' || privilege_type, ' ' ORDER BY table_name || "
              "':' || "
              "privilege_type) FROM information_schema.role_table_grants WHERE grantee = 'relevo_router'") ==
          "accounts:SELECT api_requests:DELETE endpoints:SELECT former_endpoints:SELECT pauses:SELECT "
          "tenants:INSERT "
          "tenants:SELECT "
          "timers:SELECT "
          "timers:UPDATE");
    // what it counts, it sees no more of
    CHECK(test.query(
              "SELECT string_agg(table_name || '.' || column_name, ' ' ORDER BY table_name, column_name) "
              "FROM information_schema.role_column_grants WHERE grantee = 'relevo_router' "
              "AND table_name IN ('dead_letters', 'turns', 'deliveries')") ==
          "dead_letters.stage dead_letters.status deliveries.status turns.created_at turns.status "
          "turns.tenant_id");
    // of people, what is looked for and whose it is
    CHECK(test.query(
              "SELECT string_agg(table_name || '.' || column_name, ' ' ORDER BY table_name, column_name) "
              "FROM information_schema.role_column_grants WHERE grantee = 'relevo_router' "
              "AND (table_name LIKE 'user%' OR table_name IN ('sessions', 'api_keys', 'roles', "
              "'audit_log'))") ==
          "api_keys.hash api_keys.id api_keys.tenant_id sessions.hash sessions.id sessions.tenant_id "
          "user_identities.issuer user_identities.subject user_identities.tenant_id user_identities.user_id "
          "user_passwords.email user_passwords.tenant_id user_passwords.user_id "
          "user_tickets.hash user_tickets.tenant_id user_tickets.user_id");
}

TEST_CASE("keys of the tables under traffic begin with what tells rows apart, not with the tenant") {
    TestDatabase test;
    // without statistics an index on (tenant_id, …) looks as good as the right one: a plan cached then read
    // all rows; those of some rows only are for who asks for these
    CHECK(
        test.query(
            "SELECT i.indexrelid::regclass FROM pg_index AS i JOIN pg_attribute AS a "
            "ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE a.attname = 'tenant_id' "
            "AND i.indrelid::regclass::text IN ('contacts', 'aliases', 'conversations', 'messages', 'turns', "
            "'steps', 'answers', 'replies', 'deliveries', 'tool_calls') "
            "ORDER BY i.indexrelid::regclass::text") == "contacts_listed\nturns_open");
}
