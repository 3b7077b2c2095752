#pragma once

#include <string>

#include "api/shape.hpp"
#include "domain/shop.hpp"

namespace relevo {

/// `base` with what was sent of AgentSettings in schemas/openapi.yaml.
AgentSpec stated_agent(const SentJson& sent, AgentSpec base);

/// Whether a fallback at an address of its own was sent that names credentials: then the key of that category
/// goes there.
bool sends_keys_elsewhere(const SentJson& sent);

}  // namespace relevo
