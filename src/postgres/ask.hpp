#pragma once

#include <string>

#include "core/task.hpp"
#include "postgres/database.hpp"
#include "postgres/json.hpp"

namespace relevo {

/// Runs op_`op` with a request of the JSON `request` and reads its result. Throws as Database::call does.
Task<Json> ask(Database& database, std::string op, TenantId tenant, std::string request);

}  // namespace relevo
