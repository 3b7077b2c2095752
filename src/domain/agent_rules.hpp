#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/error.hpp"
#include "domain/shop.hpp"

namespace relevo {

/// What an agent can count on where it is published.
struct AgentSurroundings {
    std::string shop;  ///< its slug
    /// Those that this installation has, and the category of credentials with their key; empty: none is
    /// needed.
    std::map<std::string, std::string> providers;
    std::set<std::string> keys;  ///< the categories of which the shop has an API_KEY
};

/// Why the agent may not be published; nothing where it may. Permanent errors, for whoever asked for it:
///  agent.invalid           a setting has no such value, or the prompt a place that nothing is filled in for
///  agent.unknown_provider  it or a fallback names a provider that this installation does not have
///  agent.no_credentials    it or a fallback asks one whose key the shop does not have
/// One at an address of its own may need no key: it is asked without where its category is not named.
std::optional<Error> refuse_agent(const AgentSpec& agent, const AgentSurroundings& surroundings);

}  // namespace relevo
