#pragma once

#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "domain/agent_book.hpp"
#include "domain/agent_means.hpp"
#include "domain/shop.hpp"

namespace relevo {

/// What an agent may be begun from.
using TemplateSource = std::function<std::vector<AgentTemplate>()>;

/// Reads what its owner states of a shop: see docker/demo/*.yaml. A secret is a text, or `{file: PATH}`.
/// `templates` is asked where the file names one.
/// "shop.invalid", with file, line and column.
Result<ShopSpec> load_shop(const std::filesystem::path& file, const AgentMeans& means,
                           const TemplateSource& templates = {});

/// Also what `name`, by agent_json, is in the shop's agent is stated from now on.
void state_of_agent(ShopSpec& shop, const std::string& name);

/// Whether a model's server may be there: http or https, and a host; no name or password before it.
bool is_web_address(std::string_view text);

}  // namespace relevo
