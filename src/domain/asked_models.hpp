#pragma once

#include <string_view>
#include <vector>

#include "domain/stores.hpp"

namespace relevo {

/// In the place of a category of credentials: asked without a key. No shop can have such a category.
inline constexpr std::string_view no_credentials = "-";

/// The agent's own model, then its fallbacks, in the order in which they are asked. One server's key is not
/// told to another: a fallback at an address of its own that names no category has `no_credentials`.
std::vector<FallbackModel> asked_models(const Agent& agent);

}  // namespace relevo
