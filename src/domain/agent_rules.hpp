#pragma once

#include <optional>
#include <set>
#include <string>

#include "core/error.hpp"
#include "domain/agent_means.hpp"
#include "domain/shop.hpp"

namespace relevo {

/// What an agent can count on where it is published.
struct AgentSurroundings {
    std::string shop;  ///< its slug
    AgentMeans means;
    std::set<std::string> keys;  ///< the categories of which the shop has an API_KEY
};

/// A setting that may not be stated.
struct SettingMistake {
    std::string pointer;  ///< to it within the settings: "/fallbacks/0/base_url"
    std::string text;
};

/// The first channel that there is none of, or the first server that no shop may name.
std::optional<SettingMistake> misplaced_setting(const AgentSpec& agent, const AgentMeans& means);

/// Why the agent may not be published; nothing where it may. Permanent errors, for whoever asked for it:
///  agent.invalid           a setting has no such value, as misplaced_setting too says, or the prompt a place
///                          that nothing is filled in for
///  agent.unknown_provider  it or a fallback names a provider that this installation does not have
///  agent.no_credentials    it or a fallback asks one whose key the shop does not have
/// One at an address of its own may need no key: it is asked without where its category is not named.
std::optional<Error> refuse_agent(const AgentSpec& agent, const AgentSurroundings& surroundings);

}  // namespace relevo
