#include "channels/whatsapp.hpp"

#include <doctest/doctest.h>

#include "fake_http.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

HttpRequest subscription(std::string query) {
    HttpRequest request;
    request.method = "GET";
    request.target = "/webhooks/whatsapp/key?" + query;
    return request;
}

}  // namespace

TEST_CASE("Meta's challenge is answered as plain text where the verify token is right") {
    FakeHttp http;
    const WhatsApp whatsapp("https://graph.facebook.com", http);
    const auto response = whatsapp.challenge(
        subscription("hub.mode=subscribe&hub.verify_token=tok%2Ben&hub.challenge=1158201444"),
        Secret("tok+en"));
    CHECK(response.status == 200);
    CHECK(response.body == "1158201444");
    CHECK(response.content_type == "text/plain");
}

TEST_CASE("a challenge with a wrong, missing or unset verify token gets a 401 and no echo") {
    FakeHttp http;
    const WhatsApp whatsapp("https://graph.facebook.com", http);
    const Secret token("token");
    for (const std::string query :
         {"hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=42", "hub.mode=subscribe&hub.challenge=42",
          "hub.mode=unsubscribe&hub.verify_token=token&hub.challenge=42",
          "hub.verify_token=token&hub.challenge=42", ""}) {
        CAPTURE(query);
        const auto response = whatsapp.challenge(subscription(query), token);
        CHECK(response.status == 401);
        CHECK(response.body.find("42") == std::string::npos);
        CHECK(response.body.find("\"token\"") == std::string::npos);
    }
    CHECK(whatsapp.challenge(subscription("hub.mode=subscribe&hub.verify_token=&hub.challenge=42"), Secret())
              .status == 401);
}

TEST_CASE("a webhook is verified before it is parsed, over the bytes as they were sent") {
    FakeHttp http;
    const WhatsApp whatsapp("https://graph.facebook.com", http);
    const Secret secret("app-secret");
    // Escaped as Meta sends it; the digest is of these very bytes.
    const std::string body = R"({"entry":[{"text":"caf\u00e9"}]})";
    const std::string digest = "sha256=f2098ebb89f2132a6c5ca47c8e4f3d287e5c4df96056542b7abe8d4c518fdfec";
    CHECK(whatsapp.verify(webhook(body, {{"X-Hub-Signature-256", digest}}), secret).has_value());
    CHECK(
        whatsapp.verify(webhook(R"({"entry":[{"text":"café"}]})", {{"X-Hub-Signature-256", digest}}), secret)
            .has_error());
    CHECK(whatsapp.verify(webhook(body), Secret()).error().code == "webhook.no_secret");
}

TEST_CASE("what is not JSON is an error of the parser") {
    FakeHttp http;
    const WhatsApp whatsapp("https://graph.facebook.com", http);
    CHECK(whatsapp.parse(webhook("<xml/>")).error().code == "webhook.bad_json");
}

TEST_CASE("a bubble never outgrows the limit, whichever unit Meta counts in") {
    FakeHttp http;
    const auto limits = WhatsApp("https://graph.facebook.com", http).limits();
    CHECK(limits.text.max == 4'096);
    CHECK(limits.text.unit == TextLimit::Unit::utf16_units);
    CHECK(limits.spacing == Millis{4'000});
    CHECK(limits.unknown == ChannelLimits::Unknown::hold);
}
