#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/ids.hpp"
#include "postgres/database.hpp"

namespace relevo {

struct ShopName {
    TenantId tenant;
    std::string slug;
    std::string name;
};

/// Every shop of the installation, oldest first.
Task<std::vector<ShopName>> list_shop_names(Database& database);
/// The one of that slug.
Task<std::optional<TenantId>> find_shop(Database& database, std::string slug);
/// As above. Throws Failure "shop.unknown".
Task<TenantId> require_shop(Database& database, std::string slug);

}  // namespace relevo
