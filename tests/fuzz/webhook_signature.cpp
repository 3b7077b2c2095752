#include <sodium.h>

#include "channels/list.hpp"
#include "channels/signature.hpp"
#include "tests/channels/fake_http.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

namespace {

std::string signature_of(std::string_view body, std::string_view secret) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(secret.data()), secret.size());
    crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(body.data()), body.size());
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_final(&state, mac);
    char hex[2 * sizeof mac + 1];
    return "sha256=" + std::string(sodium_bin2hex(hex, sizeof hex, mac, sizeof mac));
}

HttpRequest signed_request(std::string_view body, std::string header) {
    HttpRequest request;
    request.headers = {{"X-Hub-Signature-256", std::move(header)}};
    request.body = std::string(body);
    return request;
}

bool lower_hex_of(std::string_view given, std::string_view expected) {
    std::string lower(given);
    for (auto& c : lower) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    return lower == expected;
}

}  // namespace

/// A secret, what the sender claims, and the body.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const int ready = sodium_init();
    require(ready >= 0, "libsodium starts");
    Input input(text_of(data, size));
    const std::string secret(input.part());
    const std::string claim(input.part());
    const auto body = input.rest();

    const std::string right = signature_of(body, secret);
    const bool passed = verify_hub_signature(signed_request(body, claim), Secret(secret), "x").has_value();
    if (passed) require(lower_hex_of(claim, right), "what passed is the signature");
    require(
        verify_hub_signature(signed_request(body, right), Secret(secret), "x").has_value() == !secret.empty(),
        "the signature passes, unless there is no secret");
    const auto refused = verify_hub_signature(signed_request(body, right + "0"), Secret(secret), "x");
    require(!refused, "a longer signature does not pass");
    require(refused.error().text.find(right.substr(7)) == std::string::npos,
            "a refusal does not tell the signature");

    require(same_secret(claim, Secret(secret)) == (!secret.empty() && claim == secret),
            "the same is the same");
    relevo::testing::FakeHttp http;
    static const auto channels = make_channels({}, http);
    for (const auto& channel : channels) {
        HttpRequest request = signed_request(body, claim);
        request.headers.emplace_back("X-Telegram-Bot-Api-Secret-Token", claim);
        request.target = "/?hub.mode=subscribe&hub.challenge=1&hub.verify_token=" + claim;
        const auto verified = channel->verify(request, Secret(secret));
        if (verified)
            require(claim == secret || lower_hex_of(claim, right), "a channel lets its own secret pass");
        const auto other = channel->verify(request, Secret("another secret"));
        if (!verified && !other && !secret.empty()) {
            require(verified.error().text == other.error().text, "a refusal does not depend on the secret");
        }
        if (channel->challenge(request, Secret(secret)).status == 200) {
            require(request.query("hub.verify_token") == secret && !secret.empty(),
                    "a challenge shows the token");
        }
    }
    return 0;
}
