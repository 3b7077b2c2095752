#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "domain/shop.hpp"

namespace relevo {

/// Reads a shop as its owner states it: see docker/demo/*.yaml. A secret is a text, or `{file: PATH}`.
/// `providers`: of models, that an agent may name. "shop.invalid", with file, line and column.
Result<ShopSpec> load_shop(const std::filesystem::path& file, const std::vector<std::string>& providers);

}  // namespace relevo
