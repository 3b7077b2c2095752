#include "domain/agent_rules.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>
#include <string_view>

#include "domain/asked_models.hpp"
#include "domain/prompt.hpp"

namespace relevo {
namespace {

Error invalid(const AgentSpec& agent, std::string_view what) {
    return {Fault::permanent, "agent.invalid", fmt::format("agent '{}': {}", agent.name, what)};
}

// Of tools and channels.
bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

bool is_span(const OpenHours& it) {
    return it.day >= 1 && it.day <= 7 && it.from >= 0 && it.from < it.to && it.to <= 24 * 60;
}

std::string settings_mistake(const AgentSpec& agent) {
    if (agent.name.empty() || agent.name.size() > 200) return "its name has 1 to 200 bytes";
    if (!(agent.temperature >= 0 && agent.temperature <= 2)) return "temperature is from 0 to 2";
    if (agent.max_output_tokens < 1 || agent.max_output_tokens > 100'000)
        return "max_output_tokens is from 1 to 100000";
    if (agent.quiet_ms < 0 || agent.quiet_ms > 120'000) return "quiet_ms is from 0 to 120000";
    if (agent.max_wait_ms < 1 || agent.max_wait_ms > 120'000) return "max_wait_ms is from 1 to 120000";
    if (agent.max_messages < 1 || agent.max_messages > 1'000) return "max_messages is from 1 to 1000";
    if (agent.spacing_ms && (*agent.spacing_ms < 0 || *agent.spacing_ms > 60'000))
        return "spacing_ms is from 0 to 60000";
    if (!std::ranges::all_of(agent.tools, is_name) || !std::ranges::all_of(agent.channels, is_name))
        return "tools and channels have names of lower-case letters, digits and '_'";
    if (!std::ranges::all_of(agent.hours, is_span))
        return "an hour is on day 1 to 7, from a minute to a later one";
    return prompt_mistake(agent.prompt);
}

std::vector<FallbackModel> asked_by(const AgentSpec& spec) {
    Agent agent;
    agent.provider = spec.provider;
    agent.base_url = spec.base_url;
    agent.model = spec.model;
    for (const auto& it : spec.fallbacks) {
        agent.fallbacks.push_back({it.provider, it.base_url, it.model, it.credentials});
    }
    return asked_models(agent);
}

}  // namespace

std::optional<SettingMistake> misplaced_setting(const AgentSpec& agent, const AgentMeans& means) {
    for (std::size_t i = 0; i < agent.channels.size(); ++i) {
        if (means.channels.contains(agent.channels[i])) continue;
        return SettingMistake{
            fmt::format("/channels/{}", i),
            fmt::format("'{}' is no channel; known: {}", agent.channels[i], fmt::join(means.channels, ", "))};
    }
    const auto check = [&](std::string pointer, const std::string& url) -> std::optional<SettingMistake> {
        if (url.empty()) return std::nullopt;  // the provider's own
        auto mistake = means.address_mistake(url);
        if (mistake.empty()) return std::nullopt;
        return SettingMistake{std::move(pointer), std::move(mistake)};
    };
    if (auto mistake = check("/base_url", agent.base_url)) return mistake;
    for (std::size_t i = 0; i < agent.fallbacks.size(); ++i) {
        if (auto mistake = check(fmt::format("/fallbacks/{}/base_url", i), agent.fallbacks[i].base_url))
            return mistake;
    }
    return std::nullopt;
}

std::optional<Error> refuse_agent(const AgentSpec& agent, const AgentSurroundings& surroundings) {
    if (const auto mistake = settings_mistake(agent); !mistake.empty()) return invalid(agent, mistake);
    const AgentMeans& means = surroundings.means;
    if (const auto mistake = misplaced_setting(agent, means))
        return invalid(agent, mistake->pointer.substr(1) + ": " + mistake->text);
    for (const auto& model : asked_by(agent)) {
        const auto provider = means.providers.find(model.provider);
        if (provider == means.providers.end()) {
            return Error{
                Fault::permanent, "agent.unknown_provider",
                fmt::format("agent '{}' names provider '{}', which this installation does not have; "
                            "known: {}",
                            agent.name, model.provider, fmt::join(std::views::keys(means.providers), ", "))};
        }
        const bool names_category = !model.credentials.empty();
        if (provider->second.empty() || model.credentials == no_credentials) continue;
        if (!model.base_url.empty() && !names_category) continue;
        const std::string& category = names_category ? model.credentials : provider->second;
        if (surroundings.keys.contains(category)) continue;
        return Error{
            Fault::permanent, "agent.no_credentials",
            fmt::format("agent '{0}' asks {1}, and shop {2} has no {3} API_KEY: relevo vault put {2} {3} "
                        "API_KEY < FILE, or PUT /v1/credentials/{3}/API_KEY",
                        agent.name, model.provider, surroundings.shop, category)};
    }
    return std::nullopt;
}

}  // namespace relevo
