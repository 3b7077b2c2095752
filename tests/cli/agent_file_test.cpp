#include "cli/agent_file.hpp"

#include <doctest/doctest.h>

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

Result<AgentSpec> load_text(const std::string& text, const AgentSpec& base = {}) {
    const Folder folder;
    return load_agent(folder.write("agent.yaml", text),
                      {{{"offline", ""}, {"openai", "openai"}}, {"web", "whatsapp"}}, base);
}

std::string refusal(const std::string& text) {
    const auto agent = load_text(text);
    REQUIRE_FALSE(agent.has_value());
    CHECK(agent.error().code == "agent.invalid");
    return agent.error().text;
}

}  // namespace

TEST_CASE("an agent's file states what differs from what it is laid over") {
    AgentSpec base;
    base.role = "support";
    base.temperature = 0.5;
    base.tools = {"rag_search"};
    base.hands_off = true;
    const auto agent = load_text(
        "provider: openai\nmodel: small\nprompt: \"{CUSTOMER}\"\ndisclosure: Soy una asistente.\nspacing_ms: "
        "0\n"
        "channels: [whatsapp]\nhours: {mon-tue: \"09:00-13:00 16:00-20:00\", sat: [\"10:00-14:00\"]}\n"
        "on_closed: handoff\nclosed_text: Cerrado.\n",
        base);
    REQUIRE(agent.has_value());
    CHECK(agent->role == "support");
    CHECK(agent->temperature == 0.5);
    CHECK(agent->tools == std::vector<std::string>{"rag_search"});
    CHECK(agent->hands_off);
    CHECK(agent->provider == "openai");
    CHECK(agent->prompt == "{CUSTOMER}");
    CHECK(agent->disclosure == "Soy una asistente.");
    CHECK(agent->spacing_ms == 0);
    CHECK(agent->channels == std::vector<std::string>{"whatsapp"});
    CHECK(agent->closed_hands_off);
    CHECK(agent->closed_text == "Cerrado.");
    CHECK(open_hours_text(agent->hours) ==
          "mon 09:00-13:00 16:00-20:00, tue 09:00-13:00 16:00-20:00, sat 10:00-14:00");
}

TEST_CASE("hours past midnight are in the order of the week") {
    const auto agent = load_text("hours: {sun: \"22:00-02:00\", mon: \"09:00-10:00\"}\n");
    REQUIRE(agent.has_value());
    CHECK(open_hours_text(agent->hours) == "mon 00:00-02:00 09:00-10:00, sun 22:00-24:00");
}

TEST_CASE("what an agent cannot be is refused with its place") {
    CHECK(refusal("prompt: \"{NIX}\"\n").find(":1:9: nothing is filled in for {NIX}") != std::string::npos);
    CHECK(refusal("role: x\nhours: {lun: \"09:00-10:00\"}\n").find(":2:") != std::string::npos);
    CHECK(refusal("hours: {mon: \"9-10\"}\n").find("expected times") != std::string::npos);
    CHECK(refusal("hours: always\n").find("expected a map") != std::string::npos);
    CHECK(refusal("tools: [\"Drop Table\"]\n").find("lower-case") != std::string::npos);
    CHECK(refusal("channels: [web, fax]\n").find(":1:17: 'fax' is no channel; known: web, whatsapp") !=
          std::string::npos);
    CHECK(refusal("spacing_ms: 60001\n").find("0 to 60000") != std::string::npos);
    CHECK(refusal("on_closed: silence\n").find("'silence' is no end; known: sentence, handoff") !=
          std::string::npos);
    CHECK(refusal("catalogue: []\n").find("unknown key 'catalogue'") != std::string::npos);
}
