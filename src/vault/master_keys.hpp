#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "vault/tenant_key.hpp"

namespace relevo {

/// Where master keys come from: never from an argument or the environment. The text has a line for each,
/// VERSION:64 HEX CHARACTERS; a line of hex alone is version 1; lines that begin with # say something to
/// people.
struct MasterKeySource {
    std::string name;                   ///< of the file or command, for errors
    std::function<std::string()> read;  ///< throws Failure "vault.bad_key" (permanent)
};

/// The installation's master keys. They wrap the tenants' keys; a rotation adds one, wraps all with it, and
/// retires the old one. Safe from any thread.
class MasterKeys {
  public:
    /// Reads them. Throws Failure "vault.bad_key" (permanent), which names the source.
    explicit MasterKeys(MasterKeySource source);
    MasterKeys(const MasterKeys&) = delete;
    MasterKeys& operator=(const MasterKeys&) = delete;

    /// Reads them again. Throws as above; then what was known stays.
    void reload();
    int newest() const;
    std::vector<int> versions() const;

    /// A new key for the tenant, wrapped with the newest master key. Bound to tenant and version.
    WrappedKey draw(TenantId tenant, int version) const;
    /// One whose master key is not known here is looked for in the source once more: a rotation adds the key
    /// there first. Throws Failure "vault.unknown_master" (transient: the file may be on its way),
    /// "vault.sealed_otherwise" (permanent).
    TenantKey unwrap(TenantId tenant, const WrappedKey& key);
    /// The same key, wrapped with the newest. Throws as unwrap.
    WrappedKey rewrap(TenantId tenant, const WrappedKey& key);
    /// The key of that version. Throws as unwrap.
    SealingKey find(int version);

  private:
    using ByVersion = std::map<int, SealingKey>;
    ByVersion read() const;
    SealingKey opened(TenantId tenant, const WrappedKey& key);
    WrappedKey wrap(TenantId tenant, int version, const SealingKey& key) const;

    MasterKeySource source_;
    mutable std::mutex mutex_;
    ByVersion keys_;
};

/// "2:0123…" as the source's lines are.
Secret master_key_line(int version, const SealingKey& key);
/// Versions and keys of such a text. Throws Failure "vault.bad_key" (permanent), which names `where` and the
/// line.
std::map<int, SealingKey> parse_master_keys(const std::string& text, const std::string& where);

}  // namespace relevo
