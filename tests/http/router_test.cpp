#include "http/router.hpp"

#include <doctest/doctest.h>

#include "tests/http/loopback.hpp"

namespace relevo {
namespace {

RouteHandler says(std::string text) {
    return [text](HttpRequest, PathParams params) -> Task<HttpResponse> {
        std::string body = text;
        for (const auto& [name, value] : params) body += " " + name + "=" + value;
        co_return HttpResponse{.body = body, .headers = {}};
    };
}

HttpResponse ask(const Router& router, std::string method, std::string path) {
    boost::asio::io_context io;
    HttpRequest request{
        .method = method, .target = path, .path = path, .headers = {}, .body = {}, .peer = {}};
    return loopback::run(io, router.handle(std::move(request)));
}

}  // namespace

TEST_CASE("a route's named parts reach its handler percent-decoded") {
    Router router;
    router.add("POST", "/webhooks/{channel}/{key}", says("hook"));
    CHECK(ask(router, "POST", "/webhooks/whatsapp/a%20b%2Fc").body == "hook channel=whatsapp key=a b/c");
}

TEST_CASE("a literal part wins over a named one, whichever was added first") {
    Router router;
    router.add("GET", "/{page}", says("page"));
    router.add("GET", "/demo", says("demo"));
    router.add("GET", "/{rest...}", says("rest"));
    CHECK(ask(router, "GET", "/demo").body == "demo");
    CHECK(ask(router, "GET", "/other").body == "page page=other");
    CHECK(ask(router, "GET", "/a/b").body == "rest rest=a/b");
}

TEST_CASE("a rest takes slashes, and nothing") {
    Router router;
    router.add("GET", "/demo/{file...}", says("file"));
    CHECK(ask(router, "GET", "/demo/js/app.js").body == "file file=js/app.js");
    CHECK(ask(router, "GET", "/demo/").body == "file file=");
}

TEST_CASE("an unknown path is 404, an unknown method 405 with Allow") {
    Router router;
    router.add("GET", "/a", says("a"));
    router.add("POST", "/a", says("a"));
    CHECK(ask(router, "GET", "/b").status == 404);
    CHECK(ask(router, "GET", "/a/").status == 404);
    const auto refused = ask(router, "DELETE", "/a");
    CHECK(refused.status == 405);
    CHECK(refused.headers == HttpHeaders{{"Allow", "GET, HEAD, POST"}});
}

TEST_CASE("GET answers HEAD") {
    Router router;
    router.add("GET", "/a", says("a"));
    CHECK(ask(router, "HEAD", "/a").status == 200);
}

TEST_CASE("a named part is never empty, never NUL, and never half an escape") {
    Router router;
    router.add("GET", "/k/{key}", says("k"));
    CHECK(ask(router, "GET", "/k/").status == 404);
    CHECK(ask(router, "GET", "/k/%00").status == 404);
    CHECK(ask(router, "GET", "/k/%4").status == 404);
}

TEST_CASE("the head's check runs the route's own, and refuses unknown paths before any body") {
    Router router;
    router.add("POST", "/k/{key}", says("k"),
               [](HttpRequest, PathParams params) -> Task<std::optional<HttpResponse>> {
                   if (params["key"] == "known") co_return std::nullopt;
                   co_return error_response(404, "webhook.unknown_key", "no such key");
               });
    boost::asio::io_context io;
    const auto check = [&](std::string path) {
        HttpRequest head{
            .method = "POST", .target = path, .path = path, .headers = {}, .body = {}, .peer = {}};
        return loopback::run(io, router.check(std::move(head)));
    };
    CHECK_FALSE(check("/k/known"));
    CHECK(check("/k/other")->body.find("webhook.unknown_key") != std::string::npos);
    CHECK(check("/elsewhere")->status == 404);
}

TEST_CASE("every answer is told with its route's pattern, also one that is given before the body is read") {
    Router router;
    std::vector<std::string> told;
    router.observe([&](const Answered& answered) {
        CHECK(answered.took >= Millis{0});
        told.push_back(std::string(answered.method) + " " + std::string(answered.pattern) + " " +
                       std::to_string(answered.status));
    });
    router.add("POST", "/hooks/{key}", says("hook"),
               [](HttpRequest, PathParams params) -> Task<std::optional<HttpResponse>> {
                   if (params["key"] == "known") co_return std::nullopt;
                   co_return error_response(404, "x", "y");
               });
    router.add("GET", "/breaks",
               [](HttpRequest, PathParams) -> Task<HttpResponse> { throw std::runtime_error("no"); });
    const auto check = [&](std::string path) {
        boost::asio::io_context io;
        HttpRequest head{
            .method = "POST", .target = path, .path = path, .headers = {}, .body = {}, .peer = {}};
        return loopback::run(io, router.check(std::move(head)));
    };
    CHECK_FALSE(check("/hooks/known"));
    ask(router, "POST", "/hooks/known");
    CHECK(check("/hooks/other"));
    ask(router, "GET", "/made/up");
    CHECK_THROWS(ask(router, "GET", "/breaks"));
    CHECK(told == std::vector<std::string>{"POST /hooks/{key} 200", "POST /hooks/{key} 404", "none none 404",
                                           "GET /breaks 500"});
}

}  // namespace relevo
