#include "postgres/agents.hpp"

#include <doctest/doctest.h>

#include "domain/agent_settings.hpp"
#include "postgres/shops.hpp"
#include "postgres/stored_turns.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

AgentSpec other_agent(std::vector<std::string> channels = {}) {
    AgentSpec agent;
    agent.name = "Otra";
    agent.prompt = "Sos otra.";
    agent.channels = std::move(channels);
    return agent;
}

AgentRecord found(Fixture& fixture, const std::string& name) {
    auto record = run(find_agent(fixture.database, fixture.ballet, name));
    REQUIRE(record);
    return *record;
}

int publish(Fixture& fixture, const AgentSpec& agent) {
    const int was = found(fixture, agent.name).line.version;
    return run(publish_agent(fixture.database, fixture.ballet, agent, was));
}

std::string code_of_publishing(Fixture& fixture, const AgentSpec& agent, int was) {
    try {
        run(publish_agent(fixture.database, fixture.ballet, agent, was));
    } catch (const Failure& failure) {
        return failure.error().code;
    }
    return {};
}

// Of every setting another than the product's.
AgentSpec rich_agent() {
    AgentSpec agent = other_agent();
    agent.role = "support";
    agent.provider = "openai";
    agent.base_url = "https://models.test/v1";
    agent.model = "small";
    agent.disclosure = "Soy una asistente.";
    agent.temperature = 0.25;
    agent.max_output_tokens = 99;
    agent.quiet_ms = 1'000;
    agent.max_wait_ms = 2'000;
    agent.max_messages = 3;
    agent.fallbacks = {{"offline", "", "", ""}};
    agent.hands_off = true;
    agent.tools = {"rag_search"};
    agent.channels = {"telegram"};
    agent.spacing_ms = 0;
    agent.hours = {{1, 540, 1'080}};
    agent.closed_text = "Cerrado.";
    agent.closed_hands_off = true;
    return agent;
}

}  // namespace

TEST_CASE("what is drafted and published comes back as it was stated") {
    Fixture fixture;
    run(draft_agent(fixture.database, fixture.ballet, rich_agent()));
    const auto drafted = found(fixture, "Otra");
    CHECK(drafted.line.version == 0);
    CHECK(drafted.line.has_draft);
    CHECK_FALSE(drafted.published);
    REQUIRE(drafted.draft);
    CHECK(agent_json(*drafted.draft) == agent_json(rich_agent()));
    CHECK(publish(fixture, *drafted.draft) == 1);
    const auto published = found(fixture, "Otra");
    CHECK_FALSE(published.draft);
    REQUIRE(published.published);
    CHECK(agent_json(*published.published) == agent_json(rich_agent()));
    CHECK(published.line.answers == std::vector<std::string>{"telegram"});
    REQUIRE(published.versions.size() == 1);
    CHECK(agent_json(*run(find_agent_version(fixture.database, fixture.ballet, "Otra", 1))) ==
          agent_json(rich_agent()));
    CHECK_FALSE(run(find_agent_version(fixture.database, fixture.ballet, "Otra", 2)));
    CHECK_FALSE(run(find_agent(fixture.database, fixture.other, "Otra")));
}

TEST_CASE("publishing what is published already makes no version, and going back makes a new one") {
    Fixture fixture;
    run(draft_agent(fixture.database, fixture.ballet, other_agent()));
    CHECK(publish(fixture, other_agent()) == 1);
    CHECK(publish(fixture, other_agent()) == 1);
    AgentSpec colder = other_agent();
    colder.quiet_ms = 5'000;
    CHECK(publish(fixture, colder) == 2);
    CHECK(publish(fixture, *run(find_agent_version(fixture.database, fixture.ballet, "Otra", 1))) == 3);
    CHECK(found(fixture, "Otra").published->quiet_ms == 16'000);
    CHECK(found(fixture, "Otra").versions.front().version == 3);
}

TEST_CASE("who publishes over another's version is told, and nothing is done") {
    Fixture fixture;
    run(draft_agent(fixture.database, fixture.ballet, other_agent()));
    CHECK(publish(fixture, other_agent()) == 1);
    AgentSpec late = other_agent();
    late.prompt = "Llegué tarde.";
    CHECK(code_of_publishing(fixture, late, 0) == "agent.changed");
    CHECK(found(fixture, "Otra").published->prompt == "Sos otra.");
    CHECK(code_of_publishing(fixture, rich_agent(), 1).empty());
}

TEST_CASE(
    "a channel is answered by the agent that names it, else by the shop's own, whatever the file says "
    "again") {
    Fixture fixture;
    const auto answers = [&] {
        return fixture.test.query(
            "SELECT string_agg(a.channel || ':' || g.name, ' ' ORDER BY a.channel) FROM accounts AS a "
            "JOIN agents AS g ON g.id = a.agent_id WHERE a.tenant_id = 1");
    };
    const std::string own = ballet_spec().agent.name;
    const std::string before = answers();
    run(draft_agent(fixture.database, fixture.ballet, other_agent({"telegram"})));
    CHECK(answers() == before);
    publish(fixture, other_agent({"telegram"}));
    const std::string shared = answers();
    CHECK(shared.find("telegram:Otra") != std::string::npos);
    CHECK(shared.find("whatsapp:" + own) != std::string::npos);
    run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
    CHECK(answers() == shared);
    AgentSpec third = other_agent({"web", "telegram"});
    third.name = "Tercera";
    run(draft_agent(fixture.database, fixture.ballet, third));
    CHECK(code_of_publishing(fixture, third, 0) == "agent.channel_taken");
    publish(fixture, other_agent());
    CHECK(answers() == before);
    // another shop's agents are none of these
    CHECK(run(list_agents(fixture.database, fixture.other)).size() == 1);
    CHECK(run(list_agents(fixture.database, fixture.ballet)).front().own);
}

TEST_CASE("the templates can be listed and published as they are") {
    Fixture fixture;
    std::string listed;
    for (const auto& it : run(list_agent_templates(fixture.database))) {
        listed += it.name + " " + agent_fields(it.settings)[4].text;
        for (const auto& tool : it.settings.tools) listed += " " + tool;
        listed += "\n";
        AgentSpec agent = it.settings;
        CHECK(agent.prompt.find("voseo") != std::string::npos);
        const AgentSurroundings surroundings{"ballet", {{{"offline", ""}}}, {}};
        CHECK_FALSE(refuse_agent(agent, surroundings));
        run(draft_agent(fixture.database, fixture.ballet, agent));
        CHECK(publish(fixture, agent) == 1);
    }
    CHECK(listed ==
          "sales 0.7 search_products check_stock\nsupport 0.5 rag_search\nleads 0.6 create_customer\n");
}

TEST_CASE("an agent asks for the keys that its shop has, not for another's") {
    Fixture fixture;
    run(fixture.vault.put(fixture.other,
                          {{"gemini", "API_KEY", Secret("k")}, {"gemini", "OTHER", Secret("k")}}));
    run(fixture.vault.put(fixture.ballet,
                          {{"openai", "API_KEY", Secret("k")}, {"google", "OTHER", Secret("k")}}));
    const auto ballet = run(agent_surroundings(fixture.database, fixture.ballet, "ballet", {}));
    CHECK(ballet.keys.contains("openai"));
    CHECK_FALSE(ballet.keys.contains("gemini"));
    CHECK_FALSE(ballet.keys.contains("google"));
    CHECK(run(agent_surroundings(fixture.database, fixture.other, "other", {})).keys.contains("gemini"));
}

TEST_CASE("a turn keeps who writes, the shop's words and the hour as they were when it was frozen") {
    Fixture fixture;
    ShopSpec shop = ballet_spec();
    shop.synonyms.emplace();
    (*shop.synonyms)["can can"] = {"medias"};
    (*shop.synonyms)["mallas"] = {"leotardos"};
    run(apply_shop(fixture.database, fixture.vault, shop, fixture.random));
    const TurnId turn = fixture.claim(fixture.store("1", "¿tenés can-can?", at(0)), at(16));
    run(fixture.retrieve->freeze_step(fixture.ballet, turn, {}, at(17)));
    fixture.test.query("UPDATE contacts SET name = 'Otra'");
    fixture.test.query("UPDATE tenants SET synonyms = '{}'");
    run(fixture.retrieve->freeze_step(fixture.ballet, turn, {}, at(18)));
    const auto inference = run(fixture.infer->load(fixture.ballet, turn, 0));
    CHECK(inference.state == Inference::State::live);
    CHECK(Json::parse(inference.customer).text("name") == "Ana");
    CHECK(Json::parse(inference.customer).text("channel") == "whatsapp");
    CHECK(inference.synonyms == std::map<std::string, std::vector<std::string>>{{"can can", {"medias"}}});
    CHECK_FALSE(inference.closed);
    run(fixture.infer->commit_answer(fixture.ballet, turn, 0, {}, {"sí"}, at(19)));
    Database reading({fixture.test.operator_text_url(), 1});
    const auto stored = run(load_stored_turn(reading, fixture.ballet, turn, {}));
    CHECK(stored.inference.synonyms == inference.synonyms);
    CHECK(stored.inference.customer == inference.customer);
}

TEST_CASE("business hours are those of the shop's time zone, and their end is outside") {
    TestDatabase test;
    const auto is_open = [&](const std::string& zone, const std::string& moment) {
        return test.query(
            R"(SELECT is_open('[{"day": 1, "from": 540, "to": 1080}, {"day": 7, "from": 0, "to": 1440}]', ')" +
            zone + "', '" + moment + "')");
    };
    CHECK(is_open("UTC", "2026-11-23 08:59:59Z") == "f");  // a Monday
    CHECK(is_open("UTC", "2026-11-23 09:00Z") == "t");
    CHECK(is_open("UTC", "2026-11-23 17:59:59Z") == "t");
    CHECK(is_open("UTC", "2026-11-23 18:00Z") == "f");
    CHECK(is_open("UTC", "2026-11-22 23:59:59Z") == "t");
    CHECK(is_open("UTC", "2026-11-24 12:00Z") == "f");
    CHECK(is_open("America/Argentina/Buenos_Aires", "2026-11-23 11:59Z") == "f");
    CHECK(is_open("America/Argentina/Buenos_Aires", "2026-11-23 12:00Z") == "t");
    CHECK(is_open("America/Argentina/Buenos_Aires", "2026-11-23 02:00Z") == "t");  // there it is Sunday
    // the clock goes back there on October 25, 2026
    CHECK(is_open("Europe/Madrid", "2026-10-19 07:00Z") == "t");
    CHECK(is_open("Europe/Madrid", "2026-10-26 07:00Z") == "f");
    CHECK(test.query("SELECT is_open('[]', 'UTC', now()), is_open(NULL, 'UTC', now())") == "t|t");
}

TEST_CASE(
    "a turn outside of the agent's hours ends as the agent has decided for that, not as for a failure") {
    for (const bool hands_off : {false, true}) {
        CAPTURE(hands_off);
        Fixture fixture;
        ShopSpec shop = ballet_spec();
        shop.agent.hours = {{1, 0, 1}, {3, 0, 1}, {5, 0, 1}};  // it is Thursday, 20:26
        shop.agent.closed_text = "Abrimos el lunes.";
        shop.agent.closed_hands_off = hands_off;
        shop.agent.hands_off = !hands_off;
        run(apply_shop(fixture.database, fixture.vault, shop, fixture.random));
        const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
        run(fixture.retrieve->freeze_step(fixture.ballet, turn, {}, at(17)));
        // what the owner decides meanwhile is for later turns
        run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
        CHECK(run(fixture.infer->load(fixture.ballet, turn, 0)).closed);
        const auto replies = run(fixture.infer->fail_turn(fixture.ballet, turn, "agent.closed", at(18)));
        REQUIRE(replies.size() == 1);
        CHECK(fixture.test.query("SELECT status, reason FROM turns") == "failed|agent.closed");
        CHECK(fixture.test.query("SELECT mode FROM conversations") == (hands_off ? "human" : "agent"));
        const auto sentence = fixture.ask(replies[0], at(20));
        REQUIRE(sentence.state == ReplyClaim::State::send);
        CHECK(sentence.text == "Abrimos el lunes.");
    }
}

TEST_CASE("an agent that states no sentence for its closed hours says the shop's") {
    Fixture fixture;
    ShopSpec shop = ballet_spec();
    shop.fallback_text = "Escribime mañana.";
    shop.agent.hours = {{1, 0, 1}};
    run(apply_shop(fixture.database, fixture.vault, shop, fixture.random));
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    run(fixture.infer->fail_turn(fixture.ballet, turn, "agent.closed", at(18)));
    CHECK(fixture.test.query("SELECT text FROM replies") == "Escribime mañana.");
}

TEST_CASE("an agent's own spacing takes the place of its channel's, and a turn keeps what it began with") {
    Fixture fixture;
    ShopSpec shop = ballet_spec();
    shop.agent.spacing_ms = 1'500;
    run(apply_shop(fixture.database, fixture.vault, shop, fixture.random));
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    const auto replies = fixture.answer(turn, {"uno", "dos", "tres"}, at(17));
    const auto next = [&] { return fixture.test.query("SELECT to_millis(next_send_at) FROM conversations"); };
    const auto first = fixture.ask(replies[0], at(20));
    CHECK(next() == std::to_string(to_millis(at(20)) + 1'500));
    fixture.accept(first, "p1", at(21));
    CHECK(next() == std::to_string(to_millis(at(21)) + 1'500));
    CHECK(fixture.ask(replies[1], at(22)).state == ReplyClaim::State::wait);
    const auto second = fixture.ask(replies[1], at(23));
    REQUIRE(second.state == ReplyClaim::State::send);
    run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
    fixture.accept(second, "p2", at(24));
    CHECK(next() == std::to_string(to_millis(at(24)) + 1'500));
}
