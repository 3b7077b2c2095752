#include <doctest/doctest.h>
#include <fmt/format.h>

#include <pqxx/pqxx>

#include "core/json_object.hpp"
#include "postgres/json.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("thousands of calls with another tenant's ids find and change nothing") {
    Fixture fixture(4);
    const auto stored = fixture.store("1", "hola", at(0));
    const TurnId turn = fixture.claim(stored, at(16));
    const auto replies = fixture.answer(turn, {"uno", "dos"}, at(17));
    // a turn that is open and a message that no turn has: what ends either has something to end
    const auto asked = fixture.store("2", "¿y medias?", at(18), "5491150000002");
    const TurnId open = fixture.claim(asked, at(18));
    const auto unclaimed = fixture.store("3", "hola", at(19), "5491150000003");
    REQUIRE(fixture.turn_status(open) == "open");
    const auto rows = [&] {
        return fixture.test.query(
            "SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (SELECT c::text AS x FROM conversations c "
            "UNION ALL SELECT r::text FROM replies r UNION ALL SELECT t::text FROM turns t "
            "UNION ALL SELECT d::text FROM deliveries d UNION ALL SELECT m::text FROM messages m "
            "UNION ALL SELECT k::text FROM credentials k) AS all_rows");
    };
    const std::string before = rows();
    const std::string conversation =
        JsonObject().id("conversation", stored.conversation).time("now", at(20)).str();
    const std::string of_burst = JsonObject()
                                     .id("conversation", unclaimed.conversation)
                                     .raw("messages", json_array({json_text(unclaimed.message.to_string())}))
                                     .time("now", at(20))
                                     .str();
    const std::string of_turn = JsonObject()
                                    .id("turn", turn)
                                    .number("step", 0)
                                    .time("now", at(20))
                                    .text("code", "x")
                                    .id("fallback", replies[0])
                                    .raw("bubbles", "[]")
                                    .raw("completion", "{}")
                                    .raw("passages", "[]")
                                    .str();
    const std::string of_open_turn =
        JsonObject().id("turn", open).text("reason", "x").time("now", at(20)).str();
    const std::string of_reply = JsonObject()
                                     .id("reply", replies[0])
                                     .id("account", fixture.account().id)
                                     .time("now", at(20))
                                     .text("token", "t")
                                     .flag("granted", false)
                                     .number("attempt", 1)
                                     .text("state", "accepted")
                                     .text("status", "read")
                                     .text("provider_id", "p")
                                     .str();
    const std::vector<std::pair<std::string, std::string>> swapped = {
        {"take_over", conversation},
        {"give_back", conversation},
        {"demo_conversation", conversation},
        {"turn_text", of_turn},
        {"load_inference", of_turn},
        {"commit_answer", of_turn},
        {"fail_turn", of_turn},
        {"freeze_step", of_turn},
        {"drop_turn", of_open_turn},
        {"expire_messages", of_burst},
        {"claim_reply", of_reply},
        {"finish_reply", of_reply},
        {"expire_reply", of_reply},
        {"settle", of_reply},
        {"find_credential", "{\"category\":\"whatsapp_cloud\",\"name\":\"ACCESS_TOKEN\"}"},
    };
    for (const auto& [op, request] : swapped) {
        std::vector<std::pair<TenantId, std::string>> requests(1'000, {fixture.other, request});
        // no tenant at all sees nothing either
        requests.resize(1'500, {TenantId{}, request});
        for (const auto& result : run(fixture.database.call_all(op, requests))) {
            const bool nothing = result == "null" || result == "false" || result == "{\"replies\": []}" ||
                                 result.find("erased") != std::string::npos ||
                                 result.find("not_ours") != std::string::npos;
            REQUIRE_MESSAGE(nothing, op << ": " << result);
        }
    }
    CHECK(rows() == before);
    // asked by their own tenant, the same requests do what they say
    run(fixture.database.call("drop_turn", fixture.ballet, of_open_turn));
    CHECK(fixture.turn_status(open) == "dropped");
    run(fixture.database.call("expire_messages", fixture.ballet, of_burst));
    CHECK(fixture.test.query("SELECT count(*) FROM messages WHERE direction = 'in' AND turn_id IS NULL") ==
          "0");
}

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

TEST_CASE("a pooled connection does not keep the last tenant") {
    Fixture fixture(1);
    run(fixture.database.call("demo_shop", fixture.ballet, "{}"));
    CHECK(run(fixture.database.call("demo_shop", TenantId{}, "{}")) == "null");
    CHECK(run(fixture.database.call("demo_conversations", TenantId{}, "{}")) == "[]");
}

TEST_CASE("the process reads and writes no tenant's rows by plain statements without the setting") {
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

TEST_CASE("the owner of the tables obeys the policies too") {
    Fixture fixture;
    fixture.store("1", "hola", at(0));
    pqxx::connection connection(fixture.test.owner_url());
    pqxx::nontransaction work(connection);
    CHECK(work.query_value<int>("SELECT count(*) FROM messages") == 0);
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
    for (const auto* secret : {"key FROM endpoints", "text FROM chunks", "name FROM contacts"}) {
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

TEST_CASE("every table with a tenant has forced row-level security with a policy for reads and writes") {
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

TEST_CASE("only these functions cross tenants, and nobody but the process may call them") {
    TestDatabase test;
    CHECK(test.query("SELECT p.proname, r.rolname, array_to_string(p.proconfig, ','), "
                     "has_function_privilege('relevo_operator', p.oid, 'EXECUTE') "
                     "FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner "
                     "WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace ORDER BY 1") ==
          "count_backlog|relevo_router|search_path=pg_catalog, public|f\n"
          "count_due_timers|relevo_router|search_path=pg_catalog, public|f\n"
          "find_endpoint|relevo_router|search_path=pg_catalog, public|f\n"
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
          "accounts:SELECT endpoints:SELECT former_endpoints:SELECT pauses:SELECT tenants:INSERT "
          "tenants:SELECT "
          "timers:SELECT "
          "timers:UPDATE");
    // what it counts, it sees no more of
    CHECK(test.query(
              "SELECT string_agg(table_name || '.' || column_name, ' ' ORDER BY table_name, column_name) "
              "FROM information_schema.role_column_grants WHERE grantee = 'relevo_router' "
              "AND table_name IN ('dead_letters', 'turns', 'deliveries')") ==
          "dead_letters.stage dead_letters.status deliveries.status turns.created_at turns.status");
}

TEST_CASE("views that could read as their owner do not exist") {
    TestDatabase test;
    CHECK(test.query("SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') "
                     "AND relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_depend AS d "
                     "WHERE d.objid = pg_class.oid AND d.deptype = 'e')") == "");
}

TEST_CASE("keys of the tables under traffic begin with what tells rows apart, not with the tenant") {
    TestDatabase test;
    // without statistics an index on (tenant_id, …) looks as good as the right one: a plan cached then read
    // all rows
    CHECK(
        test.query(
            "SELECT i.indexrelid::regclass FROM pg_index AS i JOIN pg_attribute AS a "
            "ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE a.attname = 'tenant_id' "
            "AND i.indrelid::regclass::text IN ('contacts', 'aliases', 'conversations', 'messages', 'turns', "
            "'steps', 'answers', 'replies', 'deliveries', 'tool_calls') ORDER BY 1") == "turns_open");
}
