#include "identity/jwks.hpp"

#include <doctest/doctest.h>

#include <array>

#include "identity/jwt.hpp"
#include "tests/identity/issuer.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

constexpr std::array every{JwtAlgorithm::rs256, JwtAlgorithm::ps256, JwtAlgorithm::es256, JwtAlgorithm::eddsa,
                           JwtAlgorithm::hs256};

std::string ids(const std::string& json, std::span<const JwtAlgorithm> accepted = every) {
    const auto keys = parse_jwks(json, accepted);
    if (!keys) return keys.error().code;
    std::string out;
    for (const auto& [id, key] : *keys) {
        out += (out.empty() ? "" : " ") + id + ":" + std::string(name_of(key.algorithm()));
    }
    return out;
}

std::string rsa_jwk(const std::string& modulus, const std::string& exponent) {
    return R"({"kty":"RSA","kid":"r","n":")" + base64url(modulus) + R"(","e":")" + base64url(exponent) +
           R"("})";
}

}  // namespace

TEST_CASE("each key of a set is for one algorithm, its own or the first that fits it") {
    const std::string set = key_set({rsa_key().jwk("a"), rsa_key().jwk("b", R"("alg":"PS256")"),
                                     p256_key().jwk("c"), ed25519_key().jwk("d", R"("alg":"EdDSA")")});
    CHECK(ids(set) == "a:RS256 b:PS256 c:ES256 d:EdDSA");
    CHECK(ids(set, std::array{JwtAlgorithm::ps256}) == "a:PS256 b:PS256");
    CHECK(ids(set, std::array{JwtAlgorithm::ps256, JwtAlgorithm::rs256}) == "a:PS256 b:PS256");
    CHECK(ids(set, std::array{JwtAlgorithm::eddsa}) == "d:EdDSA");
    CHECK(ids(set, std::array{JwtAlgorithm::hs256}) == "identity.bad_keys");
}

TEST_CASE("a key that is for something else is passed over") {
    const std::string good = p256_key().jwk("good");
    const auto rest = [&](const std::string& other) { return ids(key_set({other, good})); };
    const std::string members = p256_key().public_members();
    for (const std::string& other :
         {std::string(R"({"kty":"oct","kid":"s","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0","alg":"HS256"})"),
          "{\"use\":\"enc\"," + members + "}", "{\"use\":1," + members + "}",
          "{\"key_ops\":[\"sign\"]," + members + "}", "{\"key_ops\":\"verify\"," + members + "}",
          "{\"alg\":\"ES384\"," + members + "}", "{\"alg\":\"none\"," + members + "}",
          "{\"alg\":null," + members + "}", std::string("1"), std::string("null"), std::string("[]"),
          std::string("{}"), std::string(R"({"kty":"EC","crv":"P-384","x":"AA","y":"AA"})"),
          std::string(R"({"kty":"OKP","crv":"Ed448","x":"AA"})"),
          std::string(R"({"kty":"OKP","crv":"X25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})")}) {
        CAPTURE(other);
        CHECK(rest(other) == "good:ES256");
    }
    CHECK(rest("{\"key_ops\":[\"verify\"],\"kid\":\"v\"," + members + "}") == "v:ES256 good:ES256");
}

TEST_CASE("a key that proves nothing is passed over") {
    const std::string good = ed25519_key().jwk("good");
    const std::string modulus(256, '\xAB');
    const std::string odd = "\x01" + std::string("\x00\x01", 2);
    CHECK(ids(key_set({rsa_jwk(modulus, odd)})) == "r:RS256");
    const auto refused = [&](const std::string& key) {
        CAPTURE(key);
        CHECK(ids(key_set({key, good})) == "good:EdDSA");
    };
    refused(rsa_jwk(modulus.substr(1), odd));           // 2,040 bits
    refused(rsa_jwk(std::string(1'025, '\xAB'), odd));  // 8,200 bits
    refused(rsa_jwk(std::string(9'000, '\xAB'), odd));
    refused(rsa_jwk(modulus, "\x01"));
    refused(rsa_jwk(modulus, "\x02"));
    refused(rsa_jwk(modulus, ""));
    refused(rsa_jwk("", odd));
    refused(rsa_jwk(modulus, std::string(9, '\xFF')));  // 72 bits
    const std::string x(32, '\x01');
    refused(R"({"kty":"EC","crv":"P-256","x":")" + base64url(x) + R"(","y":")" + base64url(x) + R"("})");
    const std::string zero(32, '\0');
    refused(R"({"kty":"EC","crv":"P-256","x":")" + base64url(zero) + R"(","y":")" + base64url(zero) +
            R"("})");
    refused(R"({"kty":"EC","crv":"P-256","x":")" + base64url(x) + R"("})");
    refused(R"({"kty":"OKP","crv":"Ed25519","x":")" + base64url(x.substr(1)) + R"("})");
    refused(R"({"kty":"OKP","crv":"Ed25519","x":")" + base64url(x) + R"(="})");
}

TEST_CASE("what is no key set is refused") {
    std::string many;
    for (int i = 0; i < 65; ++i) many += (i == 0 ? "" : ",") + ed25519_key().jwk("k");
    for (const std::string& json :
         {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"keys":{}})"),
          std::string(R"({"keys":[]})"), std::string(R"({"keys":[{}]})"), R"({"keys":[)" + many + "]}",
          std::string(100'000, '[')}) {
        const auto keys = parse_jwks(json, every);
        REQUIRE_FALSE(keys.has_value());
        CHECK(keys.error().code == "identity.bad_keys");
    }
}

TEST_CASE("a provider's configuration is its own") {
    const auto uri = [](const std::string& json) {
        const auto found = parse_discovery(json, "https://a.example");
        return found ? *found : found.error().code;
    };
    CHECK(uri(R"({"issuer":"https://a.example","jwks_uri":"https://a.example/k"})") == "https://a.example/k");
    for (const std::string json :
         {"", "[]", "{}", R"({"issuer":"https://a.example"})", R"({"jwks_uri":"https://a.example/k"})",
          R"({"issuer":"https://a.example/","jwks_uri":"https://a.example/k"})",
          R"({"issuer":"https://a.example","jwks_uri":1})"}) {
        CAPTURE(json);
        CHECK(uri(json) == "identity.bad_keys");
    }
}
