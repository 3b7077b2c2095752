#pragma once

#include <vector>

#include "core/random.hpp"
#include "domain/shop.hpp"
#include "postgres/database.hpp"
#include "postgres/vault.hpp"

namespace relevo {

/// Makes what `spec` states of its shop so, in one transaction that changes no other shop; applying it twice
/// changes nothing. Keys and secrets of our own that are neither stated nor there are drawn. What was
/// acknowledged for an account that changed its address is still its own for 14 days. Refused are what other
/// shops have: a number or bot belongs to one; an app of a shop that has none; a new shop without a name
/// (shop.invalid).
Task<ShopApplied> apply_shop(Database& database, PostgresVault& vault, ShopSpec spec, Random& random,
                             ApplyMode mode = ApplyMode::all);

/// Redrives, of what came in for the shop's accounts before it had them, the next ones: how many; 0: none is
/// left.
Task<std::int64_t> redrive_waiting(Database& database, TenantId tenant);

/// As ShopBook promises.
Task<ShopStanding> shop_standing(Database& database, std::string slug);
Task<ShopStanding> retire_shop(Database& database, std::string slug);

/// All shops with the addresses of the accounts that they have, and what we drew for a provider to send. Of
/// another shop's address a shop is told no secret.
Task<std::vector<ShopListing>> list_shops(Database& database, PostgresVault& vault);

}  // namespace relevo
