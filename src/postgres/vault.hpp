#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "domain/stores.hpp"
#include "postgres/database.hpp"
#include "vault/master_keys.hpp"

namespace relevo {

/// A credential as its row is.
struct SealedCredential {
    std::string category;
    std::string name;
    std::string sealed;  ///< bytes
    WrappedKey key;      ///< version 0: sealed by the first master key itself
    SysTime updated{};
};

/// A credential for a row to be: sealed with the tenant's newest key.
struct StatedCredential {
    std::string category;
    std::string name;
    Secret value;
};

/// The tenants' secrets on PostgreSQL, sealed with the tenants' keys. What opens here was sealed for this
/// tenant, category and name. Every call may throw what Database::call throws, and what MasterKeys::unwrap
/// does.
class PostgresVault final : public Vault {
  public:
    PostgresVault(Database& database, std::shared_ptr<MasterKeys> masters)
        : database_(database), masters_(std::move(masters)) {}

    Task<Secret> find(TenantId tenant, std::string category, std::string name) override;
    /// Without what is in the reserved category, of which put makes Failure "vault.reserved" and remove says
    /// that there is none.
    Task<std::vector<SealedCredential>> list(TenantId tenant);
    Task<void> put(TenantId tenant, std::vector<StatedCredential> credentials);
    /// Whether there was one.
    Task<bool> remove(TenantId tenant, std::string category, std::string name);
    /// For a row that goes with others in one operation: [{"category", "name", "sealed", "key"}]. That
    /// operation refuses it where the tenant's key was replaced meanwhile (hold_newest_key): then it is
    /// sealed anew. Throws as put.
    Task<std::string> sealed_json(TenantId tenant, std::vector<StatedCredential> credentials);
    /// Keeps it where there is none yet. The one way into the reserved category.
    Task<void> add(TenantId tenant, StatedCredential credential);

    /// A new key for the tenant; every secret is sealed with it, then the old ones go. Readers and writers go
    /// on. One that was cut off is finished by the next. How many secrets.
    Task<int> rekey(TenantId tenant);
    /// Wraps the tenant's keys with the newest master key; those of releases without tenants' keys get one.
    Task<void> rewrap(TenantId tenant);
    /// The versions of the master keys without which something of the tenant does not open.
    Task<std::set<int>> masters_of(TenantId tenant);
    /// From now on nothing new is wrapped with an older one.
    Task<void> use_master(int version);
    /// The version that use_master was last told.
    Task<int> used_master();

  private:
    Task<std::vector<SealedCredential>> list_all(TenantId tenant);
    Task<std::string> seal(TenantId tenant, std::vector<StatedCredential> credentials);
    Task<std::vector<WrappedKey>> keys(TenantId tenant);
    Task<WrappedKey> add_key(TenantId tenant, int version);
    Task<WrappedKey> newest_key(TenantId tenant);

    Database& database_;
    std::shared_ptr<MasterKeys> masters_;
};

/// Throws as MasterKeys::unwrap.
Secret open_credential(MasterKeys& masters, TenantId tenant, const SealedCredential& credential);
/// From what op_list_credentials gives.
std::vector<SealedCredential> sealed_credentials(const std::string& listed);
/// How often secrets have changed in the installation: what was read before may be old.
Task<std::int64_t> vault_changes(Database& database);

}  // namespace relevo
