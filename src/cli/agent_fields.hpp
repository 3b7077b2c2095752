#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "domain/agent_means.hpp"
#include "domain/shop.hpp"
#include "runtime/yaml_fields.hpp"

// For .cpp files that read what a YAML file states of an agent.

namespace relevo::yaml {

using Reader = std::function<void(const YAML::Node&)>;
using Names = std::vector<std::string>;

// A reader is used while `out`, `means`, and what else it was made of, is there.

/// A text that may be empty.
Reader string(std::string& out);
/// One of `known`, which `what` is the name of. `known` too is used later.
Reader one_of(std::string& out, const Names& known, std::string_view what);
/// A text with places for nothing else than build_prompt fills in.
Reader prompt_text(std::string& out);

/// What a shop's own agent may have beside its texts. `out` keeps what is not stated.
Fields agent_fields(AgentSpec& out, const AgentMeans& means);
/// The channels that an agent beside the shop's own names.
Reader channel_names(Names& out, const AgentMeans& means);

}  // namespace relevo::yaml
