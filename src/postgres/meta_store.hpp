#pragma once

#include <memory>

#include "domain/meta.hpp"
#include "postgres/database.hpp"
#include "vault/master_keys.hpp"

namespace relevo {

/// Both outlive it; safe to use from several threads. Calls throw what Database::call throws, and what
/// PostgresVault's do.
std::unique_ptr<MetaStore> make_meta_store(Database& database, std::shared_ptr<MasterKeys> masters);

}  // namespace relevo
