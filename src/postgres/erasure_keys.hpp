#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "domain/reserved_category.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// Where the vault has a tenant's key of marks (see vault/mark.hpp): drawn with its first erasure, the same
/// ever after.
inline constexpr std::string_view erasure_key_category = reserved_category;
inline constexpr std::string_view erasure_key_name = "ERASURE_KEY";

/// The marks of a person's name, and of what a provider calls an event.
std::string name_mark(const Secret& key, std::string_view name);
std::string event_mark(const Secret& key, AccountId account, std::string_view event_id);

/// The keys of marks that a process has needed so far. Safe from any thread.
class ErasureKeys {
  public:
    explicit ErasureKeys(Vault& vault) : vault_(vault) {}

    /// Without asking: most tenants have erased nobody.
    std::optional<Secret> known(TenantId tenant) const;
    /// Asks the vault. Throws Failure "resolve.no_erasure_key" (transient) where it has none, or none that
    /// opens: what comes in waits, because it might be of somebody who was erased.
    Task<Secret> learn(TenantId tenant);

  private:
    Vault& vault_;
    mutable std::mutex mutex_;
    std::map<TenantId, Secret> keys_;
};

}  // namespace relevo
