#pragma once

#include <string>
#include <string_view>

#include "core/ids.hpp"
#include "domain/secret.hpp"
#include "vault/sealing_key.hpp"

namespace relevo {

/// A tenant's key as the database keeps it.
struct WrappedKey {
    int version = 0;      ///< of this tenant's keys, from 1
    int master = 0;       ///< the version of the master key that wrapped it
    std::string wrapped;  ///< bytes
};

/// The key that seals one tenant's secrets.
class TenantKey {
  public:
    TenantKey(TenantId tenant, int version, SealingKey key)
        : tenant_(tenant), version_(version), key_(std::move(key)) {}
    int version() const { return version_; }

    /// Sealed for this place only: a row that is copied to another tenant, category or name does not open.
    std::string seal(std::string_view category, std::string_view name, const Secret& secret) const;
    /// Throws Failure "vault.sealed_otherwise" (permanent).
    Secret open(std::string_view category, std::string_view name, std::string_view sealed) const;

  private:
    TenantId tenant_;
    int version_;
    SealingKey key_;
};

/// As releases sealed that had one key for all tenants: with what is now the first master key.
Secret open_unwrapped(const SealingKey& first, TenantId tenant, std::string_view category,
                      std::string_view name, std::string_view sealed);

}  // namespace relevo
