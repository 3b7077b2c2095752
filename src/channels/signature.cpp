#include "channels/signature.hpp"

#include <sodium.h>

#include <array>

namespace relevo {
namespace {

const unsigned char* raw(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

using Digest = std::array<unsigned char, crypto_hash_sha256_BYTES>;

Digest sha256(std::string_view bytes) {
    Digest digest{};
    crypto_hash_sha256(digest.data(), raw(bytes), bytes.size());
    return digest;
}

Digest hmac_sha256(std::string_view key, std::string_view bytes) {
    Digest digest{};
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, raw(key), key.size());
    crypto_auth_hmacsha256_update(&state, raw(bytes), bytes.size());
    crypto_auth_hmacsha256_final(&state, digest.data());
    return digest;
}

Error bad_signature(std::string_view why) {
    return {Fault::permanent, "webhook.bad_signature",
            std::string(why) +
                "; check that the stored APP_SECRET is the one of the app that sends these webhooks"};
}

}  // namespace

bool same_secret(std::string_view given, const Secret& secret) {
    if (secret.empty()) return false;
    // Digests have one length, so that not even the secret's length shows in the time taken.
    const Digest left = sha256(given);
    const Digest right = sha256(secret.reveal());
    return sodium_memcmp(left.data(), right.data(), left.size()) == 0;
}

Result<void> verify_hub_signature(const HttpRequest& request, const Secret& app_secret,
                                  std::string_view category) {
    constexpr std::string_view algorithm = "sha256=";
    if (app_secret.empty()) return no_verification_secret(category, "APP_SECRET");
    const std::string_view header = request.header("X-Hub-Signature-256");
    if (header.empty()) return bad_signature("the header X-Hub-Signature-256 is missing");
    Digest given{};
    const bool well_formed = header.starts_with(algorithm) &&
                             header.size() == algorithm.size() + 2 * given.size() &&
                             sodium_hex2bin(given.data(), given.size(), header.data() + algorithm.size(),
                                            2 * given.size(), nullptr, nullptr, nullptr) == 0;
    if (!well_formed) return bad_signature("the header X-Hub-Signature-256 is not sha256= and 64 hex digits");
    const Digest expected = hmac_sha256(app_secret.reveal(), request.body);
    if (sodium_memcmp(given.data(), expected.data(), expected.size()) != 0) {
        return bad_signature("the signature does not fit the body");
    }
    return {};
}

Error no_verification_secret(std::string_view category, std::string_view name) {
    return {Fault::permanent, "webhook.no_secret",
            "nothing to check the webhook against; store the credential " + std::string(name) +
                " of category " + std::string(category)};
}

std::string sha256_hex(std::string_view bytes) {
    const Digest digest = sha256(bytes);
    std::array<char, 2 * crypto_hash_sha256_BYTES + 1> hex{};
    sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
    return hex.data();
}

}  // namespace relevo
