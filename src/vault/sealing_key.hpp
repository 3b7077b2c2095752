#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "domain/secret.hpp"

namespace relevo {

/// 32 bytes that seal. Wiped when it goes. XChaCha20-Poly1305 with a drawn nonce.
class SealingKey {
  public:
    static constexpr std::size_t bytes = 32;
    static SealingKey draw();
    /// From as many bytes; nothing from any other number.
    static std::optional<SealingKey> from(std::string_view raw);
    /// From 64 hex characters; nothing from anything else.
    static std::optional<SealingKey> parse(std::string_view hex);
    ~SealingKey();
    SealingKey(const SealingKey&) = default;
    SealingKey& operator=(const SealingKey&) = default;

    Secret raw() const;
    Secret hex() const;
    /// The nonce, the sealed text, its tag. It opens with the same key and the same `bound` only.
    std::string seal(std::string_view bound, const Secret& secret) const;
    /// Nothing where another key sealed it, or bound it to something else, or it is damaged.
    std::optional<Secret> open(std::string_view bound, std::string_view sealed) const;

  private:
    SealingKey() = default;
    std::array<unsigned char, bytes> key_{};
};

}  // namespace relevo
