#include "postgres/stored_turns.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <pqxx/pqxx>

#include "postgres/shops.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Replays : Fixture {
    Replays() : reading({test.operator_text_url(), 1}) {
        ShopSpec spec = ballet_spec();
        spec.credentials = {{"openai", "API_KEY", Secret("model key")}};
        run(apply_shop(database, vault, spec, random));
        const auto stored = store("1", "¿hay puntas?", at(0));
        turn = claim(stored, at(16));
        conversation = stored.conversation;
        answer(turn, {"Sí."}, at(17));
    }
    Database reading;
    TurnId turn;
    ConversationId conversation;
};

}  // namespace

TEST_CASE("a stored turn is read as it was frozen, whatever was said and set since") {
    Replays it;
    ShopSpec spec = ballet_spec();
    spec.agent.prompt = "Otra cosa.";
    run(apply_shop(it.database, it.vault, spec, it.random));
    it.store("2", "¿y mallas?", at(60));
    const auto frozen = run(load_stored_turn(it.reading, it.ballet, it.turn, {}));
    CHECK(frozen.shop == "ballet");
    CHECK(frozen.conversation == it.conversation);
    CHECK(frozen.inference.state == Inference::State::live);
    CHECK(frozen.inference.agent.prompt == "Sos la vendedora de {STORE_NAME}.");
    REQUIRE(frozen.inference.history.size() == 1);
    CHECK(frozen.inference.history[0].text == "¿hay puntas?");
    CHECK(frozen.inference.passages.size() == 1);
    REQUIRE(frozen.steps.size() == 1);
    CHECK(frozen.steps[0].text == "answer");
    const auto changed = run(load_stored_turn(it.reading, it.ballet, it.turn, frozen.agent_version + 1));
    CHECK(changed.inference.agent.prompt == "Otra cosa.");
    try {
        run(load_stored_turn(it.reading, it.ballet, it.turn, 99));
        FAIL("there is none");
    } catch (const Failure& failure) {
        CHECK(failure.error().code == "replay.unknown_version");
    }
}

TEST_CASE("what tools were asked and answered is read with the turn") {
    Replays it;
    it.test.query(
        fmt::format("INSERT INTO tool_calls (tenant_id, id, turn_id, step, index, tool, writes, status, "
                    "arguments, result, started_at) "
                    "VALUES ({0}, gen_random_uuid(), '{1}', 0, 1, 'stock', false, 'failed', '{{\"sku\": "
                    "\"P-2\"}}', NULL, now()), "
                    "({0}, gen_random_uuid(), '{1}', 0, 0, 'stock', false, 'done', '{{\"sku\": \"P-1\"}}', "
                    "'{{\"left\": 3}}', now())",
                    it.ballet.value, it.turn.to_string()));
    const auto turn = run(load_stored_turn(it.reading, it.ballet, it.turn, {}));
    REQUIRE(turn.tools.size() == 2);
    CHECK(turn.tools[0].arguments.find("P-1") != std::string::npos);
    CHECK(turn.tools[0].result.find("3") != std::string::npos);
    CHECK(turn.tools[1].status == "failed");
    CHECK(turn.tools[1].result == "");
}

TEST_CASE("turns are found by conversation, by shop, or the newest of all, and only answered ones") {
    Replays it;
    it.claim(it.store("9", "hola", at(100), "5491150000009"), at(116));  // nobody has answered it
    const auto of = [&](TurnReplay replay) { return run(find_stored_turns(it.reading, std::move(replay))); };
    const std::vector<std::pair<TenantId, TurnId>> mine{{it.ballet, it.turn}};
    CHECK(of({}) == mine);
    CHECK(of({it.conversation}) == mine);
    CHECK(of({.shop = "ballet"}) == mine);
    CHECK(of({.shop = "ferreteria"}).empty());
    CHECK(of({ConversationId{}}).empty());
    const auto later = it.store("3", "¿y medias?", at(200));
    const TurnId newest = it.claim(later, at(216));
    it.answer(newest, {"No."}, at(217));
    CHECK(of({}).back() == std::pair{it.ballet, newest});
    CHECK(of({.last = 1}).size() == 1);
    CHECK(of({.last = 1}).front().second == newest);
}

TEST_CASE("who replays turns reads the keys of models and no other secret") {
    Replays it;
    PostgresVault vault(it.reading, it.masters);
    CHECK(run(vault.find(it.ballet, "openai", "API_KEY")).reveal() == "model key");
    CHECK(run(vault.find(it.ballet, "whatsapp_cloud", "ACCESS_TOKEN")).empty());
    CHECK(run(vault.find(it.ballet, "telegram", "BOT_TOKEN")).empty());
    pqxx::connection connection(it.test.operator_text_url());
    pqxx::work work(connection);
    work.exec("SELECT set_config('app.tenant_id', '" + it.ballet.to_string() + "', true)");
    CHECK(work.query_value<std::string>("SELECT string_agg(name, ' ') FROM credentials") == "API_KEY");
}

TEST_CASE("who replays turns can change nothing") {
    Replays it;
    CHECK(it.test.query(
              "SELECT string_agg(c.relname, ' ') FROM pg_class AS c "
              "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND "
              "(has_table_privilege('relevo_operator_text', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') "
              "OR has_any_column_privilege('relevo_operator_text', c.oid, 'INSERT, UPDATE'))") == "");
    pqxx::connection connection(it.test.operator_text_url());
    pqxx::nontransaction work(connection);
    for (const auto* statement :
         {"INSERT INTO replies DEFAULT VALUES", "UPDATE turns SET status = 'open'", "DELETE FROM deliveries",
          "INSERT INTO timers DEFAULT VALUES", "SELECT run_batch('claim_reply', '[{\"t\":1,\"r\":{}}]')",
          "SELECT run_batch('park', '[{\"t\":1,\"r\":{}}]')", "CREATE TABLE mine ()"}) {
        CAPTURE(statement);
        CHECK_THROWS_AS(work.exec(statement), pqxx::insufficient_privilege);
    }
}
