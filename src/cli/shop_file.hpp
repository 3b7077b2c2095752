#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "domain/shop.hpp"

namespace relevo {

/// Reads a shop as its owner states it: see docker/demo/*.yaml. A secret is a text, or `{file: PATH}`.
/// `providers`: of models, that an agent may name. "shop.invalid", with file, line and column.
Result<ShopSpec> load_shop(const std::filesystem::path& file, const std::vector<std::string>& providers);

/// Whether a model's server may be there: http or https, and a host; no name or password before it.
bool is_web_address(std::string_view text);

}  // namespace relevo
