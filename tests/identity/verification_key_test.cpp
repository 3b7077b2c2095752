#include "identity/verification_key.hpp"

#include <doctest/doctest.h>
#include <openssl/err.h>

#include <array>

#include "identity/jwks.hpp"
#include "identity/jwt.hpp"
#include "tests/identity/issuer.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

VerificationKey public_half(const SigningKey& key, JwtAlgorithm algorithm) {
    return parse_jwks(key_set({key.jwk("k")}), std::array{algorithm})->front().key;
}

}  // namespace

TEST_CASE("what a key's other half signed, it verifies, and nothing else") {
    const std::array<std::pair<JwtAlgorithm, const SigningKey*>, 4> all{
        {{JwtAlgorithm::rs256, &rsa_key()},
         {JwtAlgorithm::ps256, &rsa_key()},
         {JwtAlgorithm::es256, &p256_key()},
         {JwtAlgorithm::eddsa, &ed25519_key()}}};
    for (const auto& [algorithm, signer] : all) {
        CAPTURE(name_of(algorithm));
        const VerificationKey key = public_half(*signer, algorithm);
        CHECK(key.algorithm() == algorithm);
        const std::string signature = signer->sign(algorithm, "header.body");
        CHECK(key.verifies("header.body", signature));
        CHECK_FALSE(key.verifies("header.bodz", signature));
        CHECK_FALSE(key.verifies("", signature));
        CHECK_FALSE(key.verifies("header.body", ""));
        CHECK_FALSE(key.verifies("header.body", signature.substr(1)));
        CHECK_FALSE(key.verifies("header.body", signature + '\0'));
        CHECK_FALSE(key.verifies("header.body", std::string(signature.size(), '\0')));
        CHECK_FALSE(key.verifies("header.body", std::string(signature.size(), '\xFF')));
        for (std::size_t i = 0; i < signature.size(); i += 7) {
            std::string changed = signature;
            changed[i] = static_cast<char>(changed[i] ^ 1);
            CHECK_FALSE(key.verifies("header.body", changed));
        }
        CHECK(ERR_peek_error() == 0);  // the next TLS connection of this thread finds nothing
    }
}

TEST_CASE("RS256 and PS256 are two algorithms of one key") {
    const std::string signature = rsa_key().sign(JwtAlgorithm::ps256, "text");
    CHECK_FALSE(public_half(rsa_key(), JwtAlgorithm::rs256).verifies("text", signature));
    CHECK(public_half(rsa_key(), JwtAlgorithm::ps256).verifies("text", signature));
}

TEST_CASE("a signature of ES256 is 64 bytes, not DER, and neither of its halves is zero") {
    const VerificationKey key = public_half(p256_key(), JwtAlgorithm::es256);
    const std::string signature = p256_key().sign(JwtAlgorithm::es256, "text");
    CHECK(signature.size() == 64);
    CHECK(key.verifies("text", signature));
    const std::string zero(32, '\0');
    CHECK_FALSE(key.verifies("text", zero + signature.substr(32)));
    CHECK_FALSE(key.verifies("text", signature.substr(0, 32) + zero));
    const std::string der = "\x30\x06\x02\x01\x01\x02\x01\x01";
    CHECK_FALSE(key.verifies("text", der));
}

TEST_CASE("RFC 8037's example verifies") {
    // appendix A.4
    const auto key =
        VerificationKey::of_ed25519(*from_base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    REQUIRE(key.has_value());
    CHECK(
        key->verifies("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                      *from_base64url("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt"
                                      "9g7sVvpAr_MuM0KAg")));
}

TEST_CASE("RFC 7515's example of HS256 verifies") {
    // appendix A.1
    const auto key = VerificationKey::of_secret(Secret(*from_base64url(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")));
    const std::string text =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    CHECK(key.verifies(text, *from_base64url("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")));
    CHECK_FALSE(key.verifies(text, *from_base64url("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXg")));
}

TEST_CASE("RFC 7515's example of ES256 verifies") {
    // appendix A.3
    const auto key = VerificationKey::of_p256(*from_base64url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
                                              *from_base64url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"));
    REQUIRE(key.has_value());
    CHECK(key->verifies(
        "eyJhbGciOiJFUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ij"
        "p0cnVlfQ",
        *from_base64url("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP"
                        "3-Kg6NU1Q")));
}
