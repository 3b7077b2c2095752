#include "api/api.hpp"

#include <doctest/doctest.h>

#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

std::string start_error(const std::function<void(ApiHandlers&)>& change) {
    FakeIdentity identity;
    FakeRequestBook requests;
    ManualClock clock;
    LocalPace pace{clock};
    SeededRandom random{1};
    FakeMetaConnections meta;
    FakeErasure erasure;
    const Channels channels{{}};
    ApiHandlers handlers = api_handlers(project_document(), {meta, erasure, channels, {}, ""});
    change(handlers);
    try {
        const Api api(project_document(), handlers, {identity, requests, pace, clock, random, "", {}});
    } catch (const Failure& failure) {
        return failure.error().text;
    }
    return {};
}

}  // namespace

TEST_CASE("the API does not start where document and handlers differ") {
    CHECK(start_error([](ApiHandlers&) {}) == "");
    CHECK(start_error([](ApiHandlers& handlers) {
              handlers.erase("add_user");
          }).find("add_user has no handler") != std::string::npos);
    CHECK(start_error([](ApiHandlers& handlers) {
              handlers["fly"] = handlers["add_user"];
          }).find("fly is not in the document") != std::string::npos);
}

TEST_CASE("nothing below v1 is served but what the document has") {
    Server server;
    for (const auto* path : {"/v1", "/v1/", "/v1/user", "/v1/users/1/2/3/4", "/v1/openapi", "/v1/admin"}) {
        CAPTURE(path);
        const auto answer = server.ask("GET", path);
        CHECK(answer.status == 404);
        CHECK(member(answer, "code") == "api.unknown_path");
    }
    const auto answer = server.ask("PATCH", "/v1/users");
    CHECK(answer.status == 405);
    CHECK(header(answer, "Allow") == "GET, POST");
    // every path answers every method in one of these ways
    for (const auto& operation : project_document().operations()) {
        for (const auto* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
            const auto stranger = server.ask(method, operation.path, "");
            server.clock.time += Millis{60'000};
            CHECK_MESSAGE((stranger.status == 401 || stranger.status == 405 || stranger.status == 415 ||
                           stranger.status == 400 || operation.callers.empty()),
                          method, operation.path, stranger.status);
        }
    }
}

TEST_CASE("the document is served as it was read, to anybody") {
    Server server;
    CHECK(server.ask("GET", "/v1/openapi.yaml", "").body == project_document().yaml());
    const auto json = server.ask("GET", "/v1/openapi.json", "");
    CHECK(json.body == project_document().json());
    CHECK(json.content_type == "application/json");
}

TEST_CASE("who calls without proof, or with one that opens nothing, is told how to prove it") {
    Server server;
    for (const auto* token : {"", "wrong"}) {
        const auto answer = server.ask("GET", "/v1/users", token);
        CHECK(answer.status == 401);
        CHECK(header(answer, "WWW-Authenticate") == "Bearer");
        CHECK(member(answer, "code") == "identity.unknown_secret");
        CHECK(member(answer, "type") == "urn:relevo:problem:identity.unknown_secret");
    }
    server.identity.refusal = Error{Fault::transient, "identity.issuer_unavailable", "later", Millis{4'200}};
    const auto away = server.ask("GET", "/v1/users");
    CHECK(away.status == 503);
    CHECK(header(away, "Retry-After") == "5");
}

TEST_CASE("a caller is served what their kind and their permissions allow") {
    Server server;
    CHECK(server.ask("GET", "/v1/users", "admin").status == 200);
    CHECK(server.ask("GET", "/v1/users", "key").status == 200);
    const auto without = server.ask("GET", "/v1/users", "nobody");
    CHECK(without.status == 403);
    CHECK(without.body.find("users.read") != std::string::npos);
    const auto kind = server.ask("GET", "/v1/tenants", "admin");
    CHECK(kind.status == 403);
    CHECK(member(kind, "code") == "api.wrong_caller");
    CHECK(server.ask("DELETE", "/v1/session", "key").status == 403);
    const auto service =
        server.ask("GET", "/v1/users", "", "", {{"X-Internal-Secret", "s"}, {"X-Tenant-Id", "1"}});
    CHECK(member(service, "code") == "api.wrong_caller");
}

TEST_CASE("an operator says for which shop, and nobody else may choose") {
    Server server;
    const auto none = server.ask("GET", "/v1/users", "operator");
    CHECK(none.status == 400);
    CHECK(member(none, "code") == "api.no_tenant");
    const auto mine = server.ask("GET", "/v1/users", "operator", "", {{"X-Tenant-Id", "2"}});
    CHECK(mine.body.find("bo@example.com") != std::string::npos);
    CHECK(mine.body.find("ana@example.com") == std::string::npos);
    CHECK(server.ask("GET", "/v1/users", "operator", "", {{"X-Tenant-Id", "3"}}).status == 404);
    CHECK(server.ask("GET", "/v1/users", "operator", "", {{"X-Tenant-Id", "x"}}).status == 400);
    CHECK(server.ask("GET", "/v1/users", "operator", "", {{"X-Tenant-Id", "0"}}).status == 400);
    CHECK(server.ask("GET", "/v1/users", "admin", "", {{"X-Tenant-Id", "1"}}).status == 200);
    const auto foreign = server.ask("GET", "/v1/users", "admin", "", {{"X-Tenant-Id", "2"}});
    const auto unknown = server.ask("GET", "/v1/users", "admin", "", {{"X-Tenant-Id", "3"}});
    CHECK(foreign.status == 404);
    CHECK(unknown.status == 404);
    CHECK(member(foreign, "code") == member(unknown, "code"));
}

TEST_CASE("a parameter that the document does not allow is refused and named") {
    Server server;
    const auto big = server.ask("GET", "/v1/users?limit=201");
    CHECK(big.status == 400);
    CHECK(member(big, "parameter") == "limit");
    CHECK(big.body.find("may be at most 200") != std::string::npos);
    for (const auto* query : {"limit=0", "limit=1e2", "limit=", "limit=7x", "limit=1&limit=2", "limt=5",
                              "cursor=", "cursor=abc", "%zz=1", "limit=99999999999999999999"}) {
        CAPTURE(query);
        CHECK(server.ask("GET", std::string("/v1/users?") + query).status == 400);
    }
    CHECK(server.ask("GET", "/v1/users?").status == 200);
    CHECK(server.ask("GET", "/v1/users?limit=%35").status == 200);
    for (const auto* twice_or_empty : {"", "1"}) {
        const HttpHeaders headers{{"X-Tenant-Id", "1"}, {"x-tenant-id", twice_or_empty}};
        CHECK(server.ask("GET", "/v1/users", "admin", "", headers).status == 400);
    }
    CHECK(server.ask("GET", "/v1/users", "admin", "", {{"X-Tenant-Id", ""}}).status == 400);
    // what a path cannot name is not there
    CHECK(server.ask("GET", "/v1/users/1").status == 404);
    CHECK(server.ask("GET", "/v1/tenants/x", "operator").status == 404);
    CHECK(server.ask("GET", "/v1/audit-log?since=2026-13-01T00:00:00.000Z").status == 400);
}

TEST_CASE("a body is judged before anything is done") {
    Server server;
    const auto post = [&](const std::string& body, HttpHeaders headers = {}) {
        return server.ask("POST", "/v1/users", "admin", body, std::move(headers));
    };
    CHECK(post(R"({"email":"x@example.com"})").status == 422);
    const auto flaw = post(R"({"email":"x@example.com","roles":["viewer"],"tenant_id":2})");
    CHECK(flaw.status == 422);
    CHECK(member(flaw, "pointer") == "#/tenant_id");
    for (const auto* email : {"ana", "a@b@example.com", "a..b@example.com", "ana@-example.com",
                              "ana@example.", R"(ana\n@example.com)", "ana@example.com*"}) {
        const auto odd = post(R"({"email":")" + std::string(email) + R"(","roles":["viewer"]})");
        CAPTURE(email);
        CHECK(odd.status == 422);
        CHECK(member(odd, "pointer") == "#/email");
    }
    CHECK(post("{").status == 400);
    CHECK(post("{}", {{"Content-Type", "text/plain"}}).status == 415);
    CHECK(post("{}", {{"Content-Type", "application/json; charset=utf-8"}}).status == 422);
    CHECK(post(std::string(65 << 10, ' ') + "{}").status == 413);
    CHECK(post("{}", {{"Content-Length", "70000"}}).status == 413);
    CHECK(server.requests.rows.changes == 0);
}

TEST_CASE("a problem repeats no secret that was sent") {
    Server server;
    for (const auto* body : {R"({"value":""})", R"({"value":["canary-7"]})", R"({"valu":"canary-7"})",
                             R"({"value":"canary-7","value":"canary-7"})", R"({"value":"canary-7")"}) {
        const auto answer = server.ask("PUT", "/v1/credentials/openai/API_KEY", "admin", body);
        CAPTURE(answer.body);
        CHECK(answer.status >= 400);
        CHECK(answer.body.find("canary") == std::string::npos);
    }
    CHECK(server.ask("GET", "/v1/users?canary-7=1").body.find("detail") != std::string::npos);
    CHECK(server.ask("GET", "/v1/users", "canary-7").body.find("canary") == std::string::npos);
}

TEST_CASE("a caller who asks too often waits, and nobody else does") {
    Server server;
    int served = 0;
    HttpResponse answer;
    while (served < 1'000 && (answer = server.ask("GET", "/v1/me")).status == 200) ++served;
    CHECK(served == project_document().caller_rate().burst);
    CHECK(answer.status == 429);
    CHECK(header(answer, "Retry-After") == "1");
    CHECK(server.ask("GET", "/v1/me", "other").status == 200);
    server.clock.time += Millis{1'000};
    CHECK(server.ask("GET", "/v1/me").status == 200);
}

TEST_CASE("a shop's callers wait together, and another shop's do not") {
    Server server;
    for (int n = 0; n < 20; ++n) {
        server.identity.callers.emplace(
            "key" + std::to_string(n),
            Principal::api_key({1}, nth<ApiKeyId>(100 + n), "crm", Permissions::all(), Permissions::all()));
    }
    int served = 0;
    for (int n = 0; n < 20; ++n) {
        for (int i = 0; i < 50; ++i) {
            if (server.ask("GET", "/v1/me", "key" + std::to_string(n)).status == 200) ++served;
        }
    }
    CHECK(served == project_document().tenant_rate().burst);
    CHECK(server.ask("GET", "/v1/me", "other").status == 200);
    CHECK(server.ask("GET", "/v1/me", "operator").status == 200);
}

TEST_CASE("a network of IPv6 guesses as one, and what it asks for too often is not looked up") {
    Server server;
    int n = 0;
    const auto guess = [&] {
        HttpRequest request;
        request.method = "GET";
        request.path = request.target = "/v1/openapi.json";
        request.headers = {{"Origin", "https://shop.example"}};
        request.peer = "2001:db8:1:2::" + std::to_string(++n);
        return server.send(std::move(request));
    };
    HttpResponse last;
    while (n < 1'000 && (last = guess()).status == 200)
        CHECK(header(last, "Access-Control-Allow-Origin") == "https://shop.example");
    CHECK(n == project_document().stranger_rate().burst + 1);
    CHECK(last.status == 429);
    CHECK(header(last, "Access-Control-Allow-Origin") == "");
}

TEST_CASE("who guesses is held back by their address") {
    Server server;
    int guesses = 0;
    while (guesses < 1'000 && server.ask("GET", "/v1/me", "guess").status == 401) ++guesses;
    CHECK(guesses == project_document().stranger_rate().burst);
    CHECK(server.ask("POST", "/v1/sessions", "", R"({"email":"a@b","password":"right"})").status == 429);
    CHECK(server.ask("GET", "/v1/me", "admin").status == 200);
}

TEST_CASE("behind a proxy of ours each client is counted for itself") {
    Server server;
    const auto guess = [&](const std::string& client) {
        HttpRequest request;
        request.method = "GET";
        request.path = request.target = "/v1/me";
        request.headers = {{"Authorization", "Bearer guess"}, {"X-Forwarded-For", client}};
        request.peer = "192.0.2.9";
        return server.send(std::move(request)).status;
    };
    while (guess("203.0.113.1") == 401) {
    }
    CHECK(guess("203.0.113.1") == 429);
    CHECK(guess("203.0.113.2") == 401);
}

TEST_CASE("pages of a shop's own origins may call as that shop, and no others") {
    Server server;
    const std::string origin = "https://shop.example";
    const auto asks = [&](const std::string& token, const std::string& from) {
        return server.ask("GET", "/v1/me", token, "", {{"Origin", from}});
    };
    CHECK(header(asks("admin", origin), "Access-Control-Allow-Origin") == origin);
    CHECK(header(asks("other", "https://own.example"), "Access-Control-Allow-Origin") ==
          "https://own.example");
    const auto foreign = asks("other", origin);
    CHECK(foreign.status == 403);
    CHECK(member(foreign, "code") == "api.foreign_origin");
    CHECK(header(foreign, "Access-Control-Allow-Origin") == "");
    CHECK(header(asks("admin", "https://evil.example"), "Access-Control-Allow-Origin") == "");
    CHECK(header(asks("admin", "null"), "Access-Control-Allow-Origin") == "");

    HttpRequest ask;
    ask.method = "OPTIONS";
    ask.path = ask.target = "/v1/users";
    ask.headers = {{"Origin", origin}, {"Access-Control-Request-Method", "POST"}};
    const auto allowed = server.send(ask);
    CHECK(allowed.status == 204);
    CHECK(header(allowed, "Access-Control-Allow-Origin") == origin);
    CHECK(header(allowed, "Access-Control-Allow-Methods") == "GET, POST");
    CHECK(header(allowed, "Vary") == "Origin");
    ask.headers = {{"Origin", "https://evil.example"}};
    CHECK(header(server.send(ask), "Access-Control-Allow-Origin") == "");
}

TEST_CASE("every answer carries the trace that the log has, and what browsers must know") {
    Server server;
    const std::string trace = "0af7651916cd43dd8448eb211c80319c";
    const auto answer = server.ask("GET", "/v1/users/" + nth<UserId>(9).to_string(), "admin", "",
                                   {{"traceparent", "00-" + trace + "-b7ad6b7169203331-01"}});
    CHECK(answer.status == 404);
    CHECK(header(answer, "X-Request-Id") == trace);
    CHECK(member(answer, "trace") == trace);
    for (const auto* path : {"/v1/users", "/v1/openapi.yaml", "/v1/none"}) {
        const auto other = server.ask("GET", path);
        CHECK(header(other, "X-Request-Id").size() == 32);
        CHECK(header(other, "Cache-Control") == "no-store");
        CHECK(header(other, "Content-Security-Policy").starts_with("default-src 'none'"));
        CHECK(header(other, "Referrer-Policy") == "no-referrer");
    }
}

TEST_CASE("what a store throws is an answer too") {
    Server server;
    server.requests.rows.broken =
        Failure({Fault::transient, "postgres.unavailable", "list_users: no answer"});
    const auto away = server.ask("GET", "/v1/users");
    CHECK(away.status == 503);
    CHECK(header(away, "Retry-After") == "1");
    CHECK(away.body.find("list_users") == std::string::npos);
    server.requests.rows.broken = Failure({Fault::permanent, "postgres.rejected", "list_users: 42P01"});
    const auto request =
        HttpRequest{"GET", "/v1/users", "/v1/users", {{"Authorization", "Bearer admin"}}, {}, {}};
    const auto failed = server.send(request);
    CHECK(failed.status == 500);
    CHECK(member(failed, "code") == "api.failed");
    CHECK(failed.body.find("42P01") == std::string::npos);
}
