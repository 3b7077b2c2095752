#include "channels/signature.hpp"

#include <doctest/doctest.h>

#include <string>

#include "fake_http.hpp"

using namespace relevo;
using relevo::testing::webhook;

namespace {

const Secret app_secret("It's a Secret to Everybody");
// The example of GitHub's documentation, whose header has the same form.
const std::string known_digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

std::string code_of(const HttpRequest& request, const Secret& secret) {
    const auto verified = verify_hub_signature(request, secret, "whatsapp_cloud");
    return verified ? "" : verified.error().code;
}

HttpRequest signed_by(std::string signature) {
    return webhook("Hello, World!", {{"x-hub-signature-256", std::move(signature)}});
}

}  // namespace

TEST_CASE("a signature over the raw bytes is accepted, in either case of hex") {
    CHECK(code_of(signed_by("sha256=" + known_digest), app_secret) == "");
    std::string upper = known_digest;
    for (auto& c : upper) c = static_cast<char>(std::toupper(c));
    CHECK(code_of(signed_by("sha256=" + upper), app_secret) == "");
}

TEST_CASE("a signature that is missing, malformed, too short or of another algorithm is refused") {
    CHECK(code_of(webhook("Hello, World!"), app_secret) == "webhook.bad_signature");
    for (const auto& bad : {std::string(), std::string("sha256="), known_digest, "sha1=" + known_digest,
                            "SHA256=" + known_digest, "sha256=" + known_digest.substr(0, 62),
                            "sha256=" + known_digest.substr(0, 63), "sha256=" + known_digest + "00",
                            "sha256=" + known_digest.substr(0, 62) + "zz", "sha256=" + std::string(64, '0'),
                            "sha256= " + known_digest.substr(0, 63)}) {
        CAPTURE(bad);
        CHECK(code_of(signed_by(bad), app_secret) == "webhook.bad_signature");
    }
}

TEST_CASE("a single changed bit of body, signature or secret is refused") {
    auto request = signed_by("sha256=" + known_digest);
    request.body[0] ^= 1;
    CHECK(code_of(request, app_secret) == "webhook.bad_signature");
    for (std::size_t i = 0; i < known_digest.size(); ++i) {
        std::string digest = known_digest;
        digest[i] = digest[i] == '0' ? '1' : '0';
        CHECK(code_of(signed_by("sha256=" + digest), app_secret) == "webhook.bad_signature");
    }
    CHECK(code_of(signed_by("sha256=" + known_digest), Secret("It's a secret to Everybody")) ==
          "webhook.bad_signature");
}

TEST_CASE("without a secret nothing passes, not even what an empty key signed") {
    // HMAC-SHA256 of an empty body under an empty key.
    const auto request = webhook(
        "",
        {{"X-Hub-Signature-256", "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"}});
    CHECK(code_of(request, Secret()) == "webhook.no_secret");
    CHECK_FALSE(same_secret("", Secret()));
}

TEST_CASE("what a refusal says holds neither the secret nor the expected signature") {
    const auto verified =
        verify_hub_signature(signed_by("sha256=" + std::string(64, '0')), app_secret, "whatsapp_cloud");
    REQUIRE(verified.has_error());
    CHECK(verified.error().text.find(app_secret.reveal()) == std::string::npos);
    CHECK(verified.error().text.find(known_digest.substr(0, 16)) == std::string::npos);
}

TEST_CASE("a secret equals itself only") {
    CHECK(same_secret("abc", Secret("abc")));
    CHECK_FALSE(same_secret("ab", Secret("abc")));
    CHECK_FALSE(same_secret("abcd", Secret("abc")));
    CHECK_FALSE(same_secret("", Secret("abc")));
    CHECK_FALSE(same_secret("abd", Secret("abc")));
}
