#include "vault/mark.hpp"

#include <sodium.h>

#include <array>

namespace relevo {

std::string mark(const Secret& key, std::initializer_list<std::string_view> parts) {
    constexpr std::size_t kept = 16;
    const auto bytes = [](std::string_view text) {
        return reinterpret_cast<const unsigned char*>(text.data());
    };
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, bytes(key.reveal()), key.reveal().size());
    for (const auto part : parts) {
        const std::string length = std::to_string(part.size()) + ":";
        crypto_auth_hmacsha256_update(&state, bytes(length), length.size());
        crypto_auth_hmacsha256_update(&state, bytes(part), part.size());
    }
    std::array<unsigned char, crypto_auth_hmacsha256_BYTES> hash{};
    crypto_auth_hmacsha256_final(&state, hash.data());
    sodium_memzero(&state, sizeof state);
    std::string hex(2 * kept + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), hash.data(), kept);
    hex.pop_back();  // its terminating zero
    return hex;
}

}  // namespace relevo
