#include "api/agent_statement.hpp"

#include <algorithm>
#include <set>

#include "domain/asked_models.hpp"

namespace relevo {
namespace {

void read(const SentJson& sent, std::string_view name, std::string& out) {
    if (auto text = sent.text_if_any(name)) out = std::move(*text);
}

void read(const SentJson& sent, std::string_view name, int& out) {
    if (const auto number = sent.whole_if_any(name)) out = static_cast<int>(*number);
}

void read(const SentJson& sent, std::string_view name, std::vector<std::string>& out) {
    if (auto texts = sent.texts_if_any(name)) out = std::move(*texts);
}

// Whether a human has the conversation then.
void read_end(const SentJson& sent, std::string_view name, bool& hands_off) {
    if (const auto end = sent.text_if_any(name)) hands_off = *end == "handoff";
}

std::vector<FallbackSpec> fallbacks_of(const SentJson& sent) {
    std::vector<FallbackSpec> fallbacks;
    for (const auto& it : sent.parts("fallbacks")) {
        fallbacks.push_back(
            {it.text("provider"), it.text("base_url"), it.text("model"), it.text("credentials")});
    }
    return fallbacks;
}

std::vector<OpenHours> hours_of(const SentJson& sent) {
    std::vector<OpenHours> hours;
    for (const auto& it : sent.parts("hours")) {
        OpenHours span{};
        read(it, "day", span.day);
        read(it, "from", span.from);
        read(it, "to", span.to);
        hours.push_back(span);
    }
    std::ranges::sort(hours, {}, [](const OpenHours& it) { return std::pair(it.day, it.from); });
    return hours;
}

using Told = std::set<std::pair<std::string, std::string>>;  // the address, and the category of the key

Told told_elsewhere(const AgentSpec& agent, const std::map<std::string, std::string>& providers) {
    Told told;
    const auto add = [&](const std::string& provider, const std::string& base_url, const std::string* named) {
        const auto known = providers.find(provider);
        if (base_url.empty() || known == providers.end() || known->second.empty()) return;
        const std::string& category = named ? *named : known->second;
        if (!category.empty() && category != no_credentials) told.emplace(base_url, category);
    };
    // without a word it is told its provider's key, and a fallback none: asked_models
    add(agent.provider, agent.base_url, nullptr);
    for (const auto& it : agent.fallbacks) add(it.provider, it.base_url, &it.credentials);
    return told;
}

}  // namespace

AgentSpec stated_agent(const SentJson& sent, AgentSpec base) {
    read(sent, "role", base.role);
    read(sent, "provider", base.provider);
    read(sent, "base_url", base.base_url);
    read(sent, "model", base.model);
    read(sent, "prompt", base.prompt);
    read(sent, "disclosure", base.disclosure);
    if (const auto temperature = sent.real_if_any("temperature")) base.temperature = *temperature;
    read(sent, "max_output_tokens", base.max_output_tokens);
    read(sent, "quiet_ms", base.quiet_ms);
    read(sent, "max_wait_ms", base.max_wait_ms);
    read(sent, "max_messages", base.max_messages);
    if (sent.null("spacing_ms")) base.spacing_ms.reset();
    if (const auto spacing = sent.whole_if_any("spacing_ms")) base.spacing_ms = static_cast<int>(*spacing);
    read(sent, "enabled_tools", base.tools);
    read(sent, "channels", base.channels);
    if (sent.has("fallbacks")) base.fallbacks = fallbacks_of(sent);
    read_end(sent, "on_failure", base.hands_off);
    if (sent.has("hours")) base.hours = hours_of(sent);
    read_end(sent, "on_closed", base.closed_hands_off);
    read(sent, "closed_text", base.closed_text);
    return base;
}

bool sends_keys_elsewhere(const AgentSpec& before, const AgentSpec& agent,
                          const std::map<std::string, std::string>& providers) {
    return !std::ranges::includes(told_elsewhere(before, providers), told_elsewhere(agent, providers));
}

}  // namespace relevo
