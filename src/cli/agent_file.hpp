#pragma once

#include <filesystem>

#include "core/error.hpp"
#include "domain/agent_means.hpp"
#include "domain/shop.hpp"

namespace relevo {

/// `base` with what the file states: the keys of a shop file's `agent`, `prompt`, `disclosure` and
/// `channels`. Error "agent.invalid" has a line for each mistake: file, line, column.
Result<AgentSpec> load_agent(const std::filesystem::path& file, const AgentMeans& means,
                             const AgentSpec& base);

}  // namespace relevo
