#include "core/digest.hpp"

#include <sodium.h>

namespace relevo {

Sha256 sha256(std::string_view bytes) {
    Sha256 digest{};
    crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    return digest;
}

std::string sha256_hex(std::string_view bytes) {
    const Sha256 digest = sha256(bytes);
    std::array<char, 2 * digest.size() + 1> hex{};
    sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
    return hex.data();
}

bool same_in_constant_time(std::string_view one, std::string_view other) {
    // Digests have one length, so that not even the prefix that both share shows in the time taken.
    const Sha256 left = sha256(one);
    const Sha256 right = sha256(other);
    return sodium_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace relevo
