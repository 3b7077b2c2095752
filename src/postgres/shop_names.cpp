#include "postgres/shop_names.hpp"

#include "domain/shop.hpp"
#include "postgres/json.hpp"

namespace relevo {

Task<std::vector<ShopName>> list_shop_names(Database& database) {
    const std::string result = co_await database.call("list_tenants", TenantId{}, "{}");
    std::vector<ShopName> shops;
    for (const auto& row : Json::parse(result).items()) {
        shops.push_back({{row.number("tenant")}, row.text("slug"), row.text("name")});
    }
    co_return shops;
}

Task<std::optional<TenantId>> find_shop(Database& database, std::string slug) {
    for (const auto& shop : co_await list_shop_names(database)) {
        if (shop.slug == slug) co_return shop.tenant;
    }
    co_return std::nullopt;
}

Task<TenantId> require_shop(Database& database, std::string slug) {
    if (const auto found = co_await find_shop(database, slug)) co_return *found;
    throw unknown_shop(slug);
}

}  // namespace relevo
