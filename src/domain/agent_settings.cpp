#include "domain/agent_settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/json_object.hpp"

namespace relevo {
namespace {

std::string fallbacks_json(const std::vector<FallbackSpec>& fallbacks) {
    std::vector<std::string> items;
    for (const auto& model : fallbacks) {
        items.push_back(JsonObject()
                            .text("provider", model.provider)
                            .text("base_url", model.base_url)
                            .text("model", model.model)
                            .text("credentials", model.credentials)
                            .str());
    }
    return json_array(items);
}

std::string hours_json(const std::vector<OpenHours>& hours) {
    std::vector<std::string> items;
    for (const auto& it : hours) {
        items.push_back(JsonObject().number("day", it.day).number("from", it.from).number("to", it.to).str());
    }
    return json_array(items);
}

std::string fallbacks_text(const std::vector<FallbackSpec>& fallbacks) {
    std::string out;
    for (const auto& model : fallbacks) {
        out += out.empty() ? "" : ", ";
        out += model.provider;
        for (const auto* part : {&model.model, &model.base_url, &model.credentials}) {
            if (!part->empty()) out += " " + *part;
        }
    }
    return out;
}

const char* end_name(bool hands_off) {
    return hands_off ? "handoff" : "sentence";
}

JsonObject settings_of(const AgentSpec& agent, JsonObject object) {
    object.text("role", agent.role)
        .text("provider", agent.provider)
        .text("base_url", agent.base_url)
        .text("model", agent.model)
        .text("prompt", agent.prompt)
        .text("disclosure", agent.disclosure)
        .real("temperature", agent.temperature)
        .number("max_output_tokens", agent.max_output_tokens)
        .number("quiet_ms", agent.quiet_ms)
        .number("max_wait_ms", agent.max_wait_ms)
        .number("max_messages", agent.max_messages)
        .raw("spacing_ms", agent.spacing_ms ? std::to_string(*agent.spacing_ms) : "null")
        .raw("enabled_tools", json_texts(agent.tools))
        .raw("channels", json_texts(agent.channels))
        .raw("fallbacks", fallbacks_json(agent.fallbacks))
        .text("on_failure", end_name(agent.hands_off))
        .raw("hours", hours_json(agent.hours))
        .text("on_closed", end_name(agent.closed_hands_off))
        .text("closed_text", agent.closed_text);
    return object;
}

}  // namespace

std::string agent_settings_json(const AgentSpec& agent) {
    return settings_of(agent, JsonObject()).str();
}

std::string agent_json(const AgentSpec& agent) {
    return settings_of(agent, JsonObject().text("name", agent.name)).str();
}

std::vector<AgentField> agent_fields(const AgentSpec& agent) {
    return {{"role", agent.role},
            {"provider", agent.provider},
            {"base_url", agent.base_url},
            {"model", agent.model},
            {"temperature", fmt::format("{}", agent.temperature)},
            {"max_output_tokens", std::to_string(agent.max_output_tokens)},
            {"fallbacks", fallbacks_text(agent.fallbacks)},
            {"on_failure", end_name(agent.hands_off)},
            {"tools", fmt::format("{}", fmt::join(agent.tools, ", "))},
            {"channels", fmt::format("{}", fmt::join(agent.channels, ", "))},
            {"quiet_ms", std::to_string(agent.quiet_ms)},
            {"max_wait_ms", std::to_string(agent.max_wait_ms)},
            {"max_messages", std::to_string(agent.max_messages)},
            {"spacing_ms", agent.spacing_ms ? std::to_string(*agent.spacing_ms) : std::string()},
            {"hours", open_hours_text(agent.hours)},
            {"on_closed", end_name(agent.closed_hands_off)},
            {"closed_text", agent.closed_text},
            {"disclosure", agent.disclosure},
            {"prompt", agent.prompt}};
}

std::vector<AgentChange> agent_changes(const AgentSpec& before, const AgentSpec& after) {
    const auto was = agent_fields(before);
    const auto is = agent_fields(after);
    std::vector<AgentChange> changes;
    for (std::size_t i = 0; i < was.size(); ++i) {
        if (was[i].text != is[i].text) changes.push_back({was[i].name, was[i].text, is[i].text});
    }
    return changes;
}

}  // namespace relevo
