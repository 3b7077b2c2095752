#include <sodium.h>

#include "identity/access_secret.hpp"
#include "identity/jwks.hpp"
#include "identity/jwt.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

namespace {

std::string base64url(std::string_view bytes) {
    constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    std::string out(sodium_base64_ENCODED_LEN(bytes.size(), variant), '\0');
    sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                      bytes.size(), variant);
    out.pop_back();
    return out;
}

void read(std::string_view token) {
    const auto jwt = parse_jwt(token);
    if (!jwt) {
        require(jwt.error().code == "identity.bad_token", "a refusal has its code");
        require(jwt.error().text.size() < 250, "a refusal is short, whatever it refuses");
        require(token.size() < 24 || jwt.error().text.find(token.substr(0, 24)) == std::string::npos,
                "a refusal does not tell the token");
        return;
    }
    require(jwt->signed_part + "." + base64url(jwt->signature) == token, "a token has one spelling");
    require(!jwt->signature.empty(), "what is signed has a signature");
    require(to_millis(jwt->expires_at) >= 0, "a token ends");
    require(!jwt->key_id || !jwt->key_id->empty(), "a key's name is one");
    require(jwt->texts.count("iss") == 1 && jwt->texts.at("iss") == jwt->issuer, "a token has an issuer");
}

}  // namespace

/// A token as it is; the header and body of one; a key set and an issuer's page; a secret of ours.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const int ready = sodium_init();
    require(ready >= 0, "libsodium starts");
    const auto text = text_of(data, size);
    read(text);
    Input input(text);
    const auto header = input.part();
    read(base64url(header) + "." + base64url(input.rest()) + ".AAAA");

    constexpr JwtAlgorithm accepted[] = {JwtAlgorithm::rs256, JwtAlgorithm::es256, JwtAlgorithm::eddsa};
    if (const auto keys = parse_jwks(text, accepted)) {
        for (const auto& [id, key] : *keys) {
            require(key.algorithm() != JwtAlgorithm::hs256, "no secret is published");
            require(!key.verifies("text", text), "nobody signed that");
        }
    }
    if (const auto address = parse_discovery(text, "https://a.example"))
        require(!address->empty(), "an address is one");
    if (kind_of_secret(text)) require(looks_like_secret(text), "a secret looks like one");
    require(hash_of_secret(text).hex.size() == 64, "a hash has 64 digits");
    return 0;
}
