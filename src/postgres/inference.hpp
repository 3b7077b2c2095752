#pragma once

#include <string>

#include "domain/stores.hpp"
#include "postgres/json.hpp"

namespace relevo {

/// As agent_snapshot() has it.
Agent parse_agent(const Json& json);
/// The result of op_load_inference.
Inference parse_inference(const std::string& result);
/// A step's response, as it is stored.
Completion parse_completion(const Json& json);

}  // namespace relevo
