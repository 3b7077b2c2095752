#include "channels/list.hpp"

#include <doctest/doctest.h>

#include <map>

#include "tests/channels/fake_http.hpp"

using namespace relevo;

TEST_CASE("each channel names the tenant's secrets that it verifies and sends with") {
    struct Names {
        std::string category, verifies, challenges, sends;
        bool operator==(const Names&) const = default;
    };
    testing::FakeHttp http;
    std::map<std::string, Names> found;
    for (const auto& channel : make_channels({}, http)) {
        found[std::string(channel->name())] = {
            std::string(channel->credentials()), std::string(channel->verification_secret()),
            std::string(channel->challenge_secret()), std::string(channel->sending_secret())};
    }
    CHECK(found.size() == 3);
    CHECK(found["whatsapp"] == Names{"whatsapp_cloud", "APP_SECRET", "VERIFY_TOKEN", "ACCESS_TOKEN"});
    CHECK(found["telegram"] == Names{"telegram", "SECRET_TOKEN", "", "BOT_TOKEN"});
    CHECK(found["web"] == Names{"", "", "", ""});
}
