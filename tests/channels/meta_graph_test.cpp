#include "channels/meta_graph.hpp"

#include <doctest/doctest.h>

#include "fake_meta.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("people sign in at Meta with the app's id, its redirect address and the state") {
    MetaWorld it;
    const std::string facebook = it.graph.authorize_url(MetaKind::facebook, "the.state");
    CHECK(facebook.starts_with("https://www.facebook.com/v23.0/dialog/oauth?client_id=4242&redirect_uri="));
    CHECK(facebook.find("https:%2F%2Frelevo.example%2Fconnected") != std::string::npos);
    CHECK(facebook.find("&state=the.state&scope=whatsapp_business_management") != std::string::npos);
    it.settings.config_id = "99";
    CHECK(it.graph.authorize_url(MetaKind::facebook, "s").ends_with("&state=s&config_id=99"));
    CHECK(it.graph.authorize_url(MetaKind::instagram, "s")
              .starts_with("https://www.instagram.com/oauth/authorize?client_id=4243&"));
}

TEST_CASE("a code becomes a short token, and that one of sixty days, of Facebook and of Instagram") {
    MetaWorld it;
    for (const auto kind : {MetaKind::facebook, MetaKind::instagram}) {
        it.meta.codes = {"good"};
        const auto brief = run(it.graph.exchange_code(kind, Secret("good")));
        REQUIRE(brief.has_value());
        CHECK(brief->value.reveal().starts_with("short-token"));
        const auto lasting = run(it.graph.lengthen(kind, brief->value));
        REQUIRE(lasting.has_value());
        CHECK(lasting->lives == Millis{60LL * 24 * 3'600'000});
        CHECK(run(it.graph.refresh(kind, lasting->value)).has_value());
    }
    // as their documents have it
    CHECK(it.meta.calls[0].method == "GET");
    CHECK(it.meta.calls[1].url.find("grant_type=fb_exchange_token") != std::string::npos);
    CHECK(it.meta.calls[3].url == "https://api.instagram.com/oauth/access_token");
    CHECK(it.meta.calls[3].method == "POST");
    CHECK(it.meta.calls[4].url.starts_with("https://graph.instagram.com/access_token?"));
    CHECK(it.meta.calls[5].url.starts_with("https://graph.instagram.com/refresh_access_token?"));
}

TEST_CASE("what a token controls is what Meta says of it to the app itself") {
    MetaWorld it;
    const auto assets = run(it.graph.assets(MetaKind::facebook, Secret("token")));
    REQUIRE(assets.has_value());
    REQUIRE(assets->size() == 2);
    CHECK(assets->at(0).channel == "whatsapp");
    CHECK(assets->at(0).external_id == "1001");
    CHECK(assets->at(0).owner == "77");
    CHECK(assets->at(1).channel == "messenger");
    const auto instagram = run(it.graph.assets(MetaKind::instagram, Secret("token")));
    REQUIRE(instagram.has_value());
    CHECK(instagram->at(0).external_id == "333");
}

TEST_CASE("each error of the Graph is what it is, and tells no secret") {
    struct Case {
        int status, code, subcode;
        Fault fault;
        const char* wanted;
    };
    const Case cases[]{{400, 4, 0, Fault::transient, "meta.rate_limited"},
                       {400, 80'004, 0, Fault::transient, "meta.rate_limited"},
                       {500, 1, 0, Fault::transient, "meta.unavailable"},
                       {400, 2'200, 0, Fault::transient, "meta.callback_failed"},
                       {400, 100, 36'009, Fault::permanent, "meta.bad_code"},
                       {401, 190, 463, Fault::permanent, "meta.bad_token"},
                       {403, 10, 0, Fault::permanent, "meta.no_permission"},
                       {403, 200, 0, Fault::permanent, "meta.no_permission"},
                       {400, 133'005, 0, Fault::permanent, "meta.wrong_pin"},
                       {400, 100, 0, Fault::permanent, "meta.rejected"}};
    for (const auto& [status, code, subcode, fault, wanted] : cases) {
        CAPTURE(code);
        MetaWorld it;
        it.meta.refusal = graph_error(status, code, subcode);
        const auto refused = run(it.graph.lengthen(MetaKind::facebook, Secret("EAAsecret")));
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().fault == fault);
        CHECK(refused.error().code == wanted);
        CHECK(refused.error().text.find("EAAsecret") == std::string::npos);
        CHECK(refused.error().retry_after.has_value() == (fault == Fault::transient));
    }
}

TEST_CASE("Retry-After counts where Meta asks for a longer pause than ours") {
    MetaWorld it;
    it.meta.refusal = graph_error(429, 4);
    it.meta.refusal->headers.emplace_back("Retry-After", "3600");
    CHECK(run(it.graph.lengthen(MetaKind::facebook, Secret("t"))).error().retry_after == Millis{3'600'000});
}

TEST_CASE("what is no answer of Meta's can be asked again") {
    MetaWorld it;
    it.meta.away = 1;
    CHECK(run(it.graph.lengthen(MetaKind::facebook, Secret("t"))).error().code == "meta.unreachable");
    for (const auto* body : {"<html>", "{}", "[]", R"({"data":[]})"}) {
        it.meta.refusal = HttpResponse{.status = 200, .body = body, .headers = {}};
        const auto answer = run(it.graph.exchange_code(MetaKind::instagram, Secret("t")));
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().code == "meta.unavailable");
    }
    it.meta.refusal =
        HttpResponse{.status = 400,
                     .body = R"({"error_type":"OAuthException","code":400,"error_message":"x"})",
                     .headers = {}};
    CHECK(run(it.graph.exchange_code(MetaKind::instagram, Secret("t"))).error().code == "meta.bad_code");
}
