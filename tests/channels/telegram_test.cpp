#include "channels/telegram.hpp"

#include <doctest/doctest.h>

#include "fake_http.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("an update is Telegram's if it shows the secret that setWebhook was given") {
    FakeHttp http;
    const Telegram telegram("https://api.telegram.org", http);
    const Secret secret("s3cret-token");
    const auto verify = [&](HttpHeaders headers, const Secret& expected) {
        const auto verified = telegram.verify(webhook("{}", std::move(headers)), expected);
        if (verified) return std::string();
        CHECK(verified.error().text.find("s3cret") == std::string::npos);
        return verified.error().code;
    };
    CHECK(verify({{"x-telegram-bot-api-secret-token", "s3cret-token"}}, secret) == "");
    CHECK(verify({{"X-Telegram-Bot-Api-Secret-Token", "s3cret-tokem"}}, secret) == "webhook.bad_signature");
    CHECK(verify({{"X-Telegram-Bot-Api-Secret-Token", "s3cret"}}, secret) == "webhook.bad_signature");
    CHECK(verify({{"X-Telegram-Bot-Api-Secret-Token", ""}}, secret) == "webhook.bad_signature");
    CHECK(verify({}, secret) == "webhook.bad_signature");
    CHECK(verify({}, Secret()) == "webhook.no_secret");
    CHECK(verify({{"X-Telegram-Bot-Api-Secret-Token", ""}}, Secret()) == "webhook.no_secret");
}

TEST_CASE("Telegram counts UTF-16 units, and what is unknown is not sent again") {
    FakeHttp http;
    const auto limits = Telegram("https://api.telegram.org", http).limits();
    CHECK(limits.text.max == 4'096);
    CHECK(limits.text.unit == TextLimit::Unit::utf16_units);
    CHECK(limits.spacing == Millis{4'000});
    CHECK(limits.unknown == ChannelLimits::Unknown::hold);
}
