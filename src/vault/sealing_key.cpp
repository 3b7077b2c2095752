#include "vault/sealing_key.hpp"

#include <sodium.h>

#include <algorithm>

namespace relevo {
namespace {

constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace

SealingKey SealingKey::draw() {
    SealingKey key;
    randombytes_buf(key.key_.data(), bytes);
    return key;
}

std::optional<SealingKey> SealingKey::from(std::string_view raw) {
    if (raw.size() != bytes) return std::nullopt;
    SealingKey key;
    std::copy(raw.begin(), raw.end(), key.key_.begin());
    return key;
}

std::optional<SealingKey> SealingKey::parse(std::string_view hex) {
    SealingKey key;
    std::size_t length = 0;
    const char* end = nullptr;
    const int parsed = sodium_hex2bin(key.key_.data(), bytes, hex.data(), hex.size(), nullptr, &length, &end);
    if (parsed != 0 || length != bytes || end != hex.data() + hex.size()) return std::nullopt;
    return key;
}

SealingKey::~SealingKey() {
    sodium_memzero(key_.data(), key_.size());
}

Secret SealingKey::raw() const {
    return Secret(std::string(key_.begin(), key_.end()));
}

Secret SealingKey::hex() const {
    std::string text(2 * bytes + 1, '\0');
    sodium_bin2hex(text.data(), text.size(), key_.data(), bytes);
    text.pop_back();  // its terminating zero
    return Secret(std::move(text));
}

std::string SealingKey::seal(std::string_view bound, const Secret& secret) const {
    const std::string& plain = secret.reveal();
    std::string sealed(nonce_bytes + plain.size() + tag_bytes, '\0');
    unsigned char* nonce = bytes_of(sealed);
    randombytes_buf(nonce, nonce_bytes);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + nonce_bytes, nullptr, bytes_of(plain), plain.size(),
                                               bytes_of(bound), bound.size(), nullptr, nonce, key_.data());
    return sealed;
}

std::optional<Secret> SealingKey::open(std::string_view bound, std::string_view sealed) const {
    if (sealed.size() < nonce_bytes + tag_bytes) return std::nullopt;
    const unsigned char* nonce = bytes_of(sealed);
    const std::size_t length = sealed.size() - nonce_bytes;
    std::string plain(length - tag_bytes, '\0');
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(bytes_of(plain), nullptr, nullptr, nonce + nonce_bytes,
                                                   length, bytes_of(bound), bound.size(), nonce,
                                                   key_.data()) != 0) {
        return std::nullopt;
    }
    return Secret(std::move(plain));
}

}  // namespace relevo
