#include "postgres/seal.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <fstream>
#include <iterator>

#include "core/error.hpp"

namespace relevo {
namespace {

// Names the key that sealed: a rotation adds 2 and reads both until every row is resealed.
constexpr char current_key = 1;
constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string place(TenantId tenant, std::string_view category, std::string_view name) {
    return fmt::format("{}/{}/{}", tenant.value, category, name);
}

}  // namespace

MasterKey MasterKey::parse(std::string_view hex) {
    if (sodium_init() < 0) throw Failure({Fault::permanent, "vault.bad_key", "libsodium does not start"});
    MasterKey key;
    std::size_t length = 0;
    const char* end = nullptr;
    const int parsed =
        sodium_hex2bin(key.key_.data(), key.key_.size(), hex.data(), hex.size(), nullptr, &length, &end);
    if (parsed != 0 || length != bytes || end != hex.data() + hex.size()) {
        throw Failure({Fault::permanent, "vault.bad_key", "the master key must be 64 hex characters"});
    }
    return key;
}

MasterKey MasterKey::read(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::string hex{std::istreambuf_iterator<char>(stream), {}};
    if (!stream) throw Failure({Fault::permanent, "vault.bad_key", "cannot read " + file.string()});
    while (!hex.empty() && (hex.back() == '\n' || hex.back() == '\r')) hex.pop_back();
    try {
        MasterKey key = parse(hex);
        sodium_memzero(hex.data(), hex.size());
        return key;
    } catch (const Failure& failure) {
        throw Failure({Fault::permanent, "vault.bad_key", file.string() + ": " + failure.error().text});
    }
}

MasterKey::~MasterKey() {
    sodium_memzero(key_.data(), key_.size());
}

std::string MasterKey::seal(TenantId tenant, std::string_view category, std::string_view name,
                            const Secret& secret) const {
    const std::string bound = place(tenant, category, name);
    const std::string& plain = secret.reveal();
    std::string sealed(1 + nonce_bytes + plain.size() + tag_bytes, '\0');
    sealed[0] = current_key;
    auto* nonce = reinterpret_cast<unsigned char*>(sealed.data()) + 1;
    randombytes_buf(nonce, nonce_bytes);
    unsigned long long written = 0;
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + nonce_bytes, &written, bytes_of(plain), plain.size(),
                                               bytes_of(bound), bound.size(), nullptr, nonce, key_.data());
    return sealed;
}

Secret MasterKey::open(TenantId tenant, std::string_view category, std::string_view name,
                       std::string_view sealed) const {
    const std::string bound = place(tenant, category, name);
    if (sealed.size() >= 1 + nonce_bytes + tag_bytes && sealed[0] == current_key) {
        const auto* nonce = bytes_of(sealed) + 1;
        const std::size_t length = sealed.size() - 1 - nonce_bytes;
        std::string plain(length - tag_bytes, '\0');
        unsigned long long written = 0;
        if (crypto_aead_xchacha20poly1305_ietf_decrypt(
                reinterpret_cast<unsigned char*>(plain.data()), &written, nullptr, nonce + nonce_bytes,
                length, bytes_of(bound), bound.size(), nonce, key_.data()) == 0) {
            return Secret(std::move(plain));
        }
    }
    throw Failure({Fault::permanent, "vault.sealed_otherwise",
                   bound + " was sealed with another master key or for another place: state it again"});
}

}  // namespace relevo
