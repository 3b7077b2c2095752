// A shop's connections to Meta, as they are asked for.

#include <doctest/doctest.h>

#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("what a shop asks of Meta has a rate of its own, and is for whoever may connect") {
    Server server;
    MetaConnection row;
    row.id = *MetaConnectionId::parse("00000000-0000-4000-8000-000000000009");
    row.status = "connected";
    server.meta.rows[{{1}, row.id}] = row;
    const std::string assets = "/v1/meta-connections/" + row.id.to_string() + "/assets";
    std::vector<std::string> reading{"channels.read"};
    server.identity.callers.emplace("viewer",
                                    Principal::user({1}, nth<UserId>(5), "Vi", Permissions::known(reading)));
    CHECK(server.ask("GET", assets, "viewer").status == 403);
    int asked = 0;
    HttpResponse last;
    while (asked < 100 && (last = server.ask("GET", assets, asked % 2 == 0 ? "admin" : "key")).status == 200)
        ++asked;
    CHECK(asked == 10);
    CHECK(last.status == 429);
    CHECK(header(last, "Retry-After") == "10");
    CHECK(server.ask("GET", "/v1/meta-connections", "admin").status == 200);
    CHECK(server.ask("GET", assets, "other").status == 404);
}

namespace {

const std::string started = "/v1/meta-connections/00000000-0000-4000-8000-000000000009";

}  // namespace

TEST_CASE("a connection is begun, ended by its code, and its number claimed") {
    Server server;
    const auto begun = server.ask("POST", "/v1/meta-connections", "admin", R"({"kind":"facebook"})");
    CHECK(begun.status == 201);
    CHECK(header(begun, "Location") == started);
    CHECK(member(server.ask("GET", started), "status") == "started");
    const auto ended = server.ask("POST", started + "/code", "admin", R"({"state":"s","code":"c"})");
    CHECK(member(ended, "status") == "connected");
    CHECK(member(server.ask("GET", started + "/assets"), "external_id") == "1001");
    const auto claimed = server.ask("POST", started + "/accounts", "admin",
                                    R"({"channel":"whatsapp","external_id":"1001","pin":"123456"})");
    CHECK(claimed.status == 201);
    CHECK(member(claimed, "step") == "ready");
    CHECK(server.ask("GET", "/v1/meta-connections").body.find("1001") != std::string::npos);
    // who begins and who ends it are the same person in the same session
    REQUIRE(server.meta.callers.size() == 2);
    CHECK(server.meta.callers[0] == server.meta.callers[1]);
    CHECK(server.meta.callers[0].find(nth<SessionId>(1).to_string()) != std::string::npos);
}

TEST_CASE("another shop's connection is one that nobody has") {
    Server server;
    REQUIRE(server.ask("POST", "/v1/meta-connections", "admin", R"({"kind":"facebook"})").status == 201);
    CHECK(server.ask("GET", started, "other").status == 404);
    CHECK(server.ask("POST", started + "/code", "other", R"({"state":"s","code":"c"})").status == 404);
    CHECK(server.ask("GET", started + "/assets", "other").status == 404);
    CHECK(server.ask("GET", "/v1/meta-connections", "other").body == R"({"items":[]})");
}

TEST_CASE("what Meta refuses, and what is not the caller's to end, has an answer of its own") {
    Server server;
    const auto answer_to = [&](Fault fault, const char* code) {
        server.meta.refusal = Error{fault, code, "why"};
        return server.ask("POST", started + "/code", "admin", R"({"state":"s","code":"c"})");
    };
    CHECK(answer_to(Fault::permanent, "meta.foreign_state").status == 403);
    CHECK(answer_to(Fault::permanent, "meta.bad_code").status == 409);
    CHECK(answer_to(Fault::transient, "meta.rate_limited").status == 503);
    CHECK(member(answer_to(Fault::permanent, "meta.late"), "code") == "meta.late");
    CHECK(server.ask("POST", "/v1/meta-connections", "admin", R"({"kind":"myspace"})").status == 422);
    // no program connects a shop: nobody signs in there
    CHECK(server.ask("POST", "/v1/meta-connections", "key", R"({"kind":"facebook"})").status == 403);
}
