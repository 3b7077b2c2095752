#pragma once

#include "core/json_object.hpp"
#include "domain/request_stores.hpp"
#include "postgres/database.hpp"

namespace relevo {

/// What is stated of a shop, by the API and by its file. `request` may name who acts (actor_json). Of no shop
/// nothing is changed, but whether there is such a time zone is told.
Task<TenantStore::Changed> change_tenant(Database& database, TenantId tenant, TenantChange change,
                                         JsonObject request = {});

}  // namespace relevo
