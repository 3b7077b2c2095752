#include "domain/agent_rules.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

const AgentSurroundings shop{
    "pointe",
    {{{"offline", ""}, {"openai", "openai"}, {"gemini", "google"}},
     {"web", "whatsapp"},
     [](std::string_view url) { return std::string(url.find("inside") == url.npos ? "" : "leads inside"); }},
    {"openai"}};

AgentSpec agent_of(const std::string& provider) {
    AgentSpec agent;
    agent.name = "Ana";
    agent.provider = provider;
    return agent;
}

std::string code_of(const AgentSpec& agent) {
    const auto refused = refuse_agent(agent, shop);
    return refused ? refused->code : "";
}

}  // namespace

TEST_CASE("an agent whose provider's key is missing is refused with the command that brings it") {
    CHECK(code_of(agent_of("offline")) == "");
    CHECK(code_of(agent_of("openai")) == "");
    const auto refused = refuse_agent(agent_of("gemini"), shop);
    REQUIRE(refused.has_value());
    CHECK(refused->fault == Fault::permanent);
    CHECK(refused->code == "agent.no_credentials");
    CHECK(refused->text ==
          "agent 'Ana' asks gemini, and shop pointe has no google API_KEY: relevo vault put pointe google "
          "API_KEY < FILE, or PUT /v1/credentials/google/API_KEY");
}

TEST_CASE(
    "a fallback's key is asked for as the agent's own, and a server's own only where its category is named") {
    AgentSpec agent = agent_of("openai");
    agent.fallbacks = {{"gemini", "", "", ""}};
    CHECK(code_of(agent) == "agent.no_credentials");
    agent.fallbacks = {{"openai", "https://models.test/v1", "", ""}};  // it may need none
    CHECK(code_of(agent) == "");
    agent.fallbacks = {{"openai", "https://models.test/v1", "", "other"}};
    CHECK(code_of(agent) == "agent.no_credentials");
    agent.fallbacks = {{"gemini", "", "", "openai"}};
    CHECK(code_of(agent) == "");
    AgentSpec local = agent_of("gemini");
    local.base_url = "http://localhost:1/v1";
    CHECK(code_of(local) == "");
}

TEST_CASE("a provider that this installation does not have is refused, a fallback's too") {
    CHECK(code_of(agent_of("opnai")) == "agent.unknown_provider");
    CHECK(refuse_agent(agent_of("opnai"), shop)->text.find("; known: ") != std::string::npos);
    AgentSpec agent = agent_of("offline");
    agent.fallbacks = {{"opnai", "", "", ""}};
    CHECK(code_of(agent) == "agent.unknown_provider");
}

TEST_CASE(
    "a channel that there is none of, and a server that no shop may name, are refused with their places") {
    AgentSpec agent = agent_of("offline");
    agent.channels = {"web", "whatsapp"};
    agent.base_url = "https://models.test/v1";
    agent.fallbacks = {{"offline", "", "", ""}, {"offline", "https://models.test/v1", "", ""}};
    CHECK_FALSE(misplaced_setting(agent, shop.means));
    CHECK(code_of(agent) == "");
    const auto place_of = [](const AgentSpec& it) {
        const auto mistake = misplaced_setting(it, shop.means);
        CHECK(code_of(it) == "agent.invalid");
        return mistake ? mistake->pointer + ": " + mistake->text : std::string();
    };
    AgentSpec inside = agent;
    inside.fallbacks[1].base_url = "http://inside/v1";
    CHECK(place_of(inside) == "/fallbacks/1/base_url: leads inside");
    inside.base_url = "http://inside/v1";
    CHECK(place_of(inside) == "/base_url: leads inside");
    agent.channels = {"web", "fax"};
    CHECK(place_of(agent) == "/channels/1: 'fax' is no channel; known: web, whatsapp");
}

TEST_CASE("a model is billed unless its provider needs no key") {
    const std::vector<ModelName> billed{{"openai", "", "m"}, {"unheard", "", "m"}};
    CHECK(shop.means.billed({{"offline", "", ""}, billed[0], billed[1]}) == billed);
}

TEST_CASE("settings out of their range and places that nothing is filled in for are refused") {
    const auto with = [](auto change) {
        AgentSpec agent = agent_of("offline");
        change(agent);
        return code_of(agent);
    };
    CHECK(with([](AgentSpec& it) { it.name = ""; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.temperature = 2.1; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.max_output_tokens = 0; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.quiet_ms = -1; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.max_wait_ms = 0; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.max_messages = 1'001; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.spacing_ms = 60'001; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.tools = {"drop table"}; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.channels = {""}; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.hours = {{8, 0, 1}}; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.hours = {{1, 60, 60}}; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.prompt = "{NIX}"; }) == "agent.invalid");
    CHECK(with([](AgentSpec& it) { it.prompt = "{METADATA}"; }) == "");
    CHECK(refuse_agent(agent_of("opnai"), shop)->text.find("'opnai'") != std::string::npos);
}
