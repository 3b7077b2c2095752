#include "channels/signature.hpp"

#include <sodium.h>

#include "core/digest.hpp"

namespace relevo {
namespace {

const unsigned char* raw(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

Sha256 hmac_sha256(std::string_view key, std::string_view bytes) {
    Sha256 digest{};
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
    return !secret.empty() && same_in_constant_time(given, secret.reveal());
}

Result<void> verify_hub_signature(const HttpRequest& request, const Secret& app_secret,
                                  std::string_view category) {
    constexpr std::string_view algorithm = "sha256=";
    if (app_secret.empty()) return no_verification_secret(category, "APP_SECRET");
    const std::string_view header = request.header("X-Hub-Signature-256");
    if (header.empty()) return bad_signature("the header X-Hub-Signature-256 is missing");
    Sha256 given{};
    const bool well_formed = header.starts_with(algorithm) &&
                             header.size() == algorithm.size() + 2 * given.size() &&
                             sodium_hex2bin(given.data(), given.size(), header.data() + algorithm.size(),
                                            2 * given.size(), nullptr, nullptr, nullptr) == 0;
    if (!well_formed) return bad_signature("the header X-Hub-Signature-256 is not sha256= and 64 hex digits");
    const Sha256 expected = hmac_sha256(app_secret.reveal(), request.body);
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

}  // namespace relevo
