#include "channels/web.hpp"

#include <doctest/doctest.h>

#include "channels/list.hpp"
#include "fake_http.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("the web has no webhook: whatever claims to be one is refused") {
    const Web web;
    CHECK(web.verify(webhook("{}"), Secret("any")).has_error());
    CHECK(web.verify(webhook("{}"), Secret()).has_error());
    CHECK(web.parse(webhook("{}")).has_error());
}

TEST_CASE("a web bubble is accepted at once under its own id") {
    Web web;
    const auto sent = run(web.send({.account = "site",
                                    .to = {"web_visitor", "v"},
                                    .text = "Hola",
                                    .reply = some_reply,
                                    .token = Secret()},
                                   Ledger::allow(some_reply)));
    CHECK(sent.state == Sent::State::accepted);
    CHECK(sent.provider_id == some_reply.to_string());
    CHECK(web.limits().spacing == Millis{0});
    CHECK(web.limits().unknown == ChannelLimits::Unknown::resend);
}

TEST_CASE("every channel of the list is found by its name, and nothing else is") {
    FakeHttp http;
    const Channels channels(make_channels({}, http));
    for (const std::string name : {"whatsapp", "telegram", "web"}) {
        REQUIRE(channels.find(name) != nullptr);
        CHECK(channels.find(name)->name() == name);
    }
    CHECK(channels.find("fax") == nullptr);
    CHECK(channels.find("") == nullptr);
}

TEST_CASE("a channel without challenges says that it takes POST only") {
    FakeHttp http;
    const Channels channels(make_channels({}, http));
    for (const std::string name : {"telegram", "web"}) {
        const auto response = channels.find(name)->challenge({}, Secret("any"));
        CHECK(response.status == 405);
        CHECK(channels.find(name)->challenge_secret().empty());
    }
}
