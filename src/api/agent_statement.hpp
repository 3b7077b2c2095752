#pragma once

#include <map>
#include <string>

#include "api/shape.hpp"
#include "domain/shop.hpp"

namespace relevo {

/// `base` with what was sent of AgentSettings in schemas/openapi.yaml.
AgentSpec stated_agent(const SentJson& sent, AgentSpec base);

/// Whether the agent's model or a fallback would tell a key of the shop's to an address of its own to which
/// `before` does not tell it. `providers`: the category with the key of each.
bool sends_keys_elsewhere(const AgentSpec& before, const AgentSpec& agent,
                          const std::map<std::string, std::string>& providers);

}  // namespace relevo
