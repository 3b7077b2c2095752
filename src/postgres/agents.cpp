#include "postgres/agents.hpp"

#include "core/json_object.hpp"
#include "domain/agent_settings.hpp"

namespace relevo {
namespace {

void read_text(const Json& json, std::string_view key, std::string& out) {
    if (!json[key].null()) out = json.text(key);
}

void read_number(const Json& json, std::string_view key, int& out) {
    if (!json[key].null()) out = static_cast<int>(json.number(key));
}

AgentLine parse_line(const Json& json) {
    AgentLine line;
    line.id = {json.number("id")};
    line.name = json.text("name");
    line.version = static_cast<int>(json.number("version"));
    line.own = json.flag("own");
    line.role = json.text("role");
    line.provider = json.text("provider");
    line.model = json.text("model");
    line.has_draft = json.flag("has_draft");
    line.answers = json["answers"].texts();
    line.updated = json.time("updated");
    return line;
}

}  // namespace

Error agent_changed(const std::string& agent) {
    return {Fault::transient, "agent.changed",
            "somebody else has published agent '" + agent + "' meanwhile: look at it, then try again"};
}

AgentSpec parse_agent_spec(const Json& json) {
    AgentSpec agent;
    read_text(json, "name", agent.name);
    read_text(json, "role", agent.role);
    read_text(json, "provider", agent.provider);
    read_text(json, "base_url", agent.base_url);
    read_text(json, "model", agent.model);
    read_text(json, "prompt", agent.prompt);
    read_text(json, "disclosure", agent.disclosure);
    if (!json["temperature"].null()) agent.temperature = json.real("temperature");
    read_number(json, "max_output_tokens", agent.max_output_tokens);
    read_number(json, "quiet_ms", agent.quiet_ms);
    read_number(json, "max_wait_ms", agent.max_wait_ms);
    read_number(json, "max_messages", agent.max_messages);
    if (!json["spacing_ms"].null()) agent.spacing_ms = static_cast<int>(json.number("spacing_ms"));
    agent.tools = json["enabled_tools"].texts();
    agent.channels = json["channels"].texts();
    for (const auto& it : json["fallbacks"].items()) {
        agent.fallbacks.push_back(
            {it.text("provider"), it.text("base_url"), it.text("model"), it.text("credentials")});
    }
    agent.hands_off = json.text("on_failure") == "handoff";
    for (const auto& it : json["hours"].items()) {
        agent.hours.push_back({static_cast<int>(it.number("day")), static_cast<int>(it.number("from")),
                               static_cast<int>(it.number("to"))});
    }
    agent.closed_hands_off = json.text("on_closed") == "handoff";
    read_text(json, "closed_text", agent.closed_text);
    return agent;
}

AgentRecord parse_agent_record(const Json& json) {
    AgentRecord record;
    record.line = parse_line(json);
    if (!json["published"].null()) record.published = parse_agent_spec(json["published"]);
    if (!json["draft"].null()) record.draft = parse_agent_spec(json["draft"]);
    for (const auto& it : json["versions"].items()) {
        record.versions.push_back({static_cast<int>(it.number("version")), it.time("at")});
    }
    return record;
}

Task<std::vector<AgentTemplate>> list_agent_templates(Database& database) {
    const Json listed = Json::parse(co_await database.call("list_agent_templates", TenantId{}, "{}"));
    std::vector<AgentTemplate> templates;
    for (const auto& row : listed.items()) {
        templates.push_back({row.text("name"), parse_agent_spec(row["settings"])});
    }
    co_return templates;
}

Task<std::vector<AgentLine>> list_agents(Database& database, TenantId tenant) {
    const Json listed = Json::parse(co_await database.call("list_agents", tenant, "{}"));
    std::vector<AgentLine> lines;
    for (const auto& row : listed.items()) lines.push_back(parse_line(row));
    co_return lines;
}

Task<std::optional<AgentRecord>> find_agent(Database& database, TenantId tenant, std::string name) {
    std::string request = JsonObject().text("name", name).str();
    const Json found = Json::parse(co_await database.call("get_agent", tenant, std::move(request)));
    if (found.null()) co_return std::nullopt;
    co_return parse_agent_record(found);
}

Task<std::optional<AgentSpec>> find_agent_version(Database& database, TenantId tenant, std::string name,
                                                  int version) {
    std::string request = JsonObject().text("name", name).number("version", version).str();
    const Json found = Json::parse(co_await database.call("agent_version", tenant, std::move(request)));
    if (found.null()) co_return std::nullopt;
    co_return parse_agent_spec(found);
}

Task<void> draft_agent(Database& database, TenantId tenant, AgentSpec agent) {
    std::string request = JsonObject().text("name", agent.name).raw("settings", agent_json(agent)).str();
    co_await database.call("draft_agent", tenant, std::move(request));
}

Task<int> publish_agent(Database& database, TenantId tenant, AgentSpec agent, int was) {
    std::string request =
        JsonObject().text("name", agent.name).number("version", was).raw("settings", agent_json(agent)).str();
    const Json made = Json::parse(co_await database.call("publish_agent", tenant, std::move(request)));
    if (made.null() || made.flag("stale")) throw Failure(agent_changed(agent.name));
    if (const std::string other = made.text("taken_by"); !other.empty()) {
        throw Failure({Fault::permanent, "agent.channel_taken",
                       "agent '" + agent.name + "' names channel " + made.text("channel") +
                           ", where agent '" + other + "' answers: take it out of one of them"});
    }
    co_return static_cast<int>(made.number("version"));
}

Task<AgentSurroundings> agent_surroundings(Database& database, TenantId tenant, std::string slug,
                                           AgentMeans means) {
    AgentSurroundings out{std::move(slug), std::move(means), {}};
    const Json listed = Json::parse(co_await database.call("list_credentials", tenant, "{}"));
    for (const auto& row : listed.items()) {
        if (row.text("name") == "API_KEY") out.keys.insert(row.text("category"));
    }
    co_return out;
}

}  // namespace relevo
