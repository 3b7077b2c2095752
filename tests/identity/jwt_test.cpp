#include "identity/jwt.hpp"

#include <doctest/doctest.h>

#include "tests/identity/fakes.hpp"

using namespace relevo;
using namespace relevo::testing;

// What is refused, and for what: tokens_test.cpp.

TEST_CASE("a token is read as it was sent") {
    const std::string header = R"({ "typ" : "JWT", "alg":"RS256" , "kid":"k1"})";
    const std::string token = base64url(header) + "." + base64url(good_claims) + "." + base64url("signature");
    const auto jwt = parse_jwt(token);
    REQUIRE(jwt.has_value());
    CHECK(jwt->algorithm == "RS256");
    CHECK(jwt->key_id == "k1");
    CHECK(jwt->issuer == auth0);
    CHECK(jwt->audiences == std::vector<std::string>{"https://api.relevo.example"});
    CHECK(jwt->expires_at == from_millis(1'780'003'600'000));
    CHECK(jwt->issued_at == from_millis(1'779'999'990'000));
    CHECK_FALSE(jwt->not_before);
    CHECK(jwt->texts.at("sub") == "auth0|5f7c8ec7c33c6c004bbafe82");
    CHECK(jwt->email_verified);
    CHECK(jwt->signed_part == token.substr(0, token.rfind('.')));
    CHECK(jwt->signature == "signature");
}

TEST_CASE("base64url has one spelling for each text") {
    CHECK(from_base64url("") == "");
    CHECK(from_base64url("YQ") == "a");
    CHECK(from_base64url("-_8") == "\xFB\xFF");
    for (const std::string text : {"Y", "YR", "YQ=", "YQ==", "YQ\n", " YQ", "Y Q", "+/8", "YQ."}) {
        CAPTURE(text);
        CHECK_FALSE(from_base64url(text));
    }
}

TEST_CASE("a token of 8 KiB is read, and not a byte more") {
    const auto padded = [](std::size_t size) {
        std::string signature(size, 'A');
        std::string token = base64url(R"({"alg":"RS256"})") + "." + base64url(good_claims) + ".";
        signature.resize(size - token.size());
        return token + signature;
    };
    CHECK(parse_jwt(padded(8'192)).has_value());
    CHECK_FALSE(parse_jwt(padded(8'193)).has_value());
}
