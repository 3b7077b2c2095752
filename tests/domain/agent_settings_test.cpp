#include "domain/agent_settings.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

// Each setting another than the product's.
AgentSpec other_agent() {
    AgentSpec agent;
    agent.name = "Ana";
    agent.role = "support";
    agent.provider = "openai";
    agent.base_url = "https://models.test/v1";
    agent.model = "small";
    agent.prompt = "Sos Ana.\n{METADATA}";
    agent.disclosure = "Soy una asistente.";
    agent.temperature = 0.5;
    agent.max_output_tokens = 99;
    agent.quiet_ms = 1;
    agent.max_wait_ms = 2;
    agent.max_messages = 3;
    agent.fallbacks = {{"openai", "", "big", "other"}, {"offline", "", "", ""}};
    agent.hands_off = true;
    agent.tools = {"rag_search", "check_stock"};
    agent.channels = {"whatsapp"};
    agent.spacing_ms = 500;
    agent.hours = {{1, 540, 1080}};
    agent.closed_text = "Cerrado.";
    agent.closed_hands_off = true;
    return agent;
}

}  // namespace

TEST_CASE("an agent is JSON with the names of its columns") {
    const std::string json = agent_json(other_agent());
    for (const auto* part :
         {R"("name":"Ana")", R"("temperature":0.5)", R"("spacing_ms":500)",
          R"("enabled_tools":["rag_search","check_stock"])", R"("hours":[{"day":1,"from":540,"to":1080}])",
          R"("on_closed":"handoff")", R"("on_failure":"handoff")", R"("channels":["whatsapp"])",
          R"("closed_text":"Cerrado.")"}) {
        CAPTURE(part);
        CHECK(json.find(part) != std::string::npos);
    }
    CHECK(agent_json(AgentSpec()).find(R"("spacing_ms":null)") != std::string::npos);
}

TEST_CASE("every setting is shown, and a change of each is told") {
    const auto fields = agent_fields(AgentSpec());
    const auto changes = agent_changes(AgentSpec(), other_agent());
    CHECK(changes.size() == fields.size());
    CHECK(agent_changes(other_agent(), other_agent()).empty());
    AgentSpec warmer = other_agent();
    warmer.temperature = 0.75;
    warmer.name = "another name is another agent";
    const auto one = agent_changes(other_agent(), warmer);
    REQUIRE(one.size() == 1);
    CHECK(one[0].field == "temperature");
    CHECK(one[0].before == "0.5");
    CHECK(one[0].after == "0.75");
}

TEST_CASE("fallbacks and hours are shown as people read them") {
    const auto fields = agent_fields(other_agent());
    const auto text = [&](std::string_view name) {
        for (const auto& field : fields) {
            if (field.name == name) return field.text;
        }
        return std::string("there is none");
    };
    CHECK(text("fallbacks") == "openai big other, offline");
    CHECK(text("hours") == "mon 09:00-18:00");
    CHECK(text("tools") == "rag_search, check_stock");
}
