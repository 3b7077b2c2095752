#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// A credential as people see it: enough to tell two values apart, not to use one.
struct CredentialLine {
    std::string category;
    std::string name;
    std::string ends_with;    ///< its last four characters; empty where it has fewer than twelve
    std::string fingerprint;  ///< 16 hex characters: the same for the same value in the same place only
    bool opens = false;       ///< else it was sealed with a key that is gone: it must be stated again
    SysTime updated{};
};

struct VaultState {
    std::vector<int> keys;               ///< master keys that the file or command has
    std::map<int, std::int64_t> in_use;  ///< by master key: the shops of which something is wrapped with it
};

/// Told while it goes on: how many shops of how many.
using TellShops = std::function<void(std::int64_t done, std::int64_t of)>;

/// The vault, for the command line: blocks. Every call with a shop's slug may throw Failure
/// "shop.unknown".
class VaultBook {
  public:
    virtual ~VaultBook() = default;
    virtual std::vector<CredentialLine> list(const std::string& shop) = 0;
    virtual void put(const std::string& shop, const std::string& category, const std::string& name,
                     const Secret& value) = 0;
    /// Whether there was one.
    virtual bool remove(const std::string& shop, const std::string& category, const std::string& name) = 0;

    virtual VaultState state() = 0;
    /// A new master key in the file, and its version. Throws Failure "vault.no_file" where a command gives
    /// them.
    virtual int add_master() = 0;
    /// Wraps every shop's keys with the newest master key, while everybody goes on. One that was cut off is
    /// finished by the next.
    virtual void rewrap(const TellShops& tell) = 0;
    /// Takes the master keys out of the file that wrap nothing and are older than the last rewrap's: their
    /// versions. Throws as add_master.
    virtual std::vector<int> retire() = 0;
    /// A new key for the shop, its secrets sealed with it: how many.
    virtual int rekey(const std::string& shop) = 0;
    virtual std::vector<std::string> shops() = 0;
};

}  // namespace relevo
