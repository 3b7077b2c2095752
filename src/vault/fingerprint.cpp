#include "vault/fingerprint.hpp"

#include <sodium.h>

#include <array>

namespace relevo {

std::string fingerprint(const Secret& secret, std::string_view place) {
    constexpr std::size_t shown = 8;
    std::array<unsigned char, crypto_generichash_BYTES> key{};
    crypto_generichash(key.data(), key.size(), reinterpret_cast<const unsigned char*>(place.data()),
                       place.size(), nullptr, 0);
    const std::string& value = secret.reveal();
    std::array<unsigned char, crypto_generichash_BYTES> hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(value.data()),
                       value.size(), key.data(), key.size());
    std::string hex(2 * shown + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), hash.data(), shown);
    hex.pop_back();  // its terminating zero
    return hex;
}

std::string last_characters(const Secret& secret) {
    constexpr std::size_t told = 4;
    constexpr std::size_t long_enough = 12;  // what is left must not be guessed
    const std::string& value = secret.reveal();
    return value.size() < long_enough ? std::string() : value.substr(value.size() - told);
}

}  // namespace relevo
