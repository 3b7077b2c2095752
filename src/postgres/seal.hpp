#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/ids.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// The key that seals the tenants' secrets. Wiped when destroyed.
class MasterKey {
  public:
    static constexpr std::size_t bytes = 32;
    /// From a file with 64 hex characters. Throws Failure "vault.bad_key" (permanent), which names the file.
    static MasterKey read(const std::filesystem::path& file);
    /// From 64 hex characters.
    static MasterKey parse(std::string_view hex);
    ~MasterKey();
    MasterKey(const MasterKey&) = default;
    MasterKey& operator=(const MasterKey&) = default;

    /// Sealed for this place only: opening it for another tenant, category or name fails. XChaCha20-Poly1305;
    /// one byte names the key, then the nonce, then the sealed text.
    std::string seal(TenantId tenant, std::string_view category, std::string_view name,
                     const Secret& secret) const;
    /// Throws Failure "vault.sealed_otherwise" (permanent) where another key or place sealed it.
    Secret open(TenantId tenant, std::string_view category, std::string_view name,
                std::string_view sealed) const;

  private:
    MasterKey() = default;
    std::array<unsigned char, bytes> key_{};
};

}  // namespace relevo
