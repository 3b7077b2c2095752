// A shop's numbers, bots and pages, and the addresses that their providers are given.

#include <doctest/doctest.h>

#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Token = AccountCheck::Token;

HttpResponse claim(Server& server, const std::string& body, const std::string& token = "admin") {
    return server.ask("POST", "/v1/accounts", token, body);
}

bool has(const HttpResponse& answer, const std::string& text) {
    return answer.body.find(text) != std::string::npos;
}

std::string whatsapp(const std::string& number, const std::string& token, const std::string& rest = "") {
    return R"({"channel":"whatsapp","external_id":")" + number + R"(","token":")" + token + "\"" + rest + "}";
}

}  // namespace

TEST_CASE("a bot becomes the shop's by its token, which nothing shows again") {
    Server server;
    server.tokens["77 77:canary"] = Token::valid;
    const auto made = claim(server, R"({"channel":"telegram","token":"77:canary","name":"Bot"})");
    CHECK(made.status == 201);
    CHECK(member(made, "external_id") == "77");
    CHECK(member(made, "webhook_url").starts_with("https://own.example/webhooks/telegram/"));
    const std::string secret = member(made, "secret_token");
    CHECK(secret.size() == 32);
    const std::string path = header(made, "Location");
    CHECK(path == "/v1/accounts/" + account_id("telegram", "77").to_string());
    for (const auto& answer : {made, server.ask("GET", path), server.ask("GET", "/v1/accounts")})
        CHECK_FALSE(has(answer, "canary"));
    CHECK_FALSE(has(server.ask("GET", path), secret));
    CHECK(server.requests.rows.agency.secrets[{{1}, "telegram/BOT_TOKEN"}] == "77:canary");
    CHECK(server.requests.rows.agency.secrets[{{1}, "telegram/SECRET_TOKEN"}] == secret);
    // its provider knows the secret already
    CHECK(member(claim(server, R"({"channel":"telegram","token":"77:canary"})"), "secret_token") == "");
}

TEST_CASE("a bot's provider is told where its webhooks go, again where it could not be") {
    Server server;
    server.tokens["77 77:canary"] = Token::valid;
    const std::string body = R"({"channel":"telegram","token":"77:canary"})";
    server.told.refusal = Error{Fault::transient, "telegram.unavailable", "502: as it says"};
    const auto first = claim(server, body);
    CHECK(first.status == 201);
    CHECK(member(first, "step") == "claimed");
    CHECK(member(first, "code") == "telegram.unavailable");
    CHECK(member(first, "detail").find("as it says") != std::string::npos);
    CHECK(member(first, "detail").find("send this request again") != std::string::npos);
    CHECK_FALSE(has(first, "canary"));
    server.told.refusal.reset();
    const auto again = claim(server, body);
    CHECK(again.status == 201);
    CHECK(member(again, "step") == "ready");
    CHECK(member(again, "code") == "");
    CHECK(member(again, "secret_token") == "");
    CHECK(server.told.set == std::vector<std::string>{member(again, "webhook_url") + " " +
                                                      member(first, "secret_token") + " 77:canary"});
    // a secret that does not open any more is no secret to tell
    server.requests.rows.agency.secrets[{{1}, "telegram/SECRET_TOKEN"}] = "";
    CHECK(member(claim(server, body), "code") == "account.no_secret");
    CHECK(server.told.set.size() == 1);
    CHECK(member(claim(server, R"({"channel":"web"})"), "step") == "");
}

TEST_CASE("nobody claims an account without a token that its provider takes for it") {
    Server server;
    server.tokens["78 78:right"] = Token::valid;
    server.tokens["79 79:late"] = Token::unknown;
    const auto stranger = claim(server, R"({"channel":"telegram","token":"78:wrong"})");
    CHECK(stranger.status == 422);
    CHECK(member(stranger, "code") == "account.not_controlled");
    CHECK(member(stranger, "pointer") == "#/token");
    CHECK_FALSE(has(stranger, "wrong"));
    const auto away = claim(server, R"({"channel":"telegram","token":"79:late"})");
    CHECK(away.status == 503);
    CHECK(header(away, "Retry-After") == "5");
    CHECK(claim(server, R"({"channel":"telegram","token":"no bot's"})").status == 422);
    CHECK(claim(server, R"({"channel":"telegram"})").status == 422);
    CHECK(member(claim(server, R"({"channel":"whatsapp","token":"t"})"), "pointer") == "#/external_id");
    CHECK(server.requests.rows.agency.accounts.empty());
    CHECK(server.requests.rows.agency.secrets.empty());
}

TEST_CASE("a number needs its app's secret, and a token that reaches the shop's other numbers too") {
    Server server;
    server.tokens["1 first"] = Token::valid;
    server.tokens["2 second"] = Token::valid;
    server.tokens["1 both"] = Token::valid;
    server.tokens["2 both"] = Token::valid;
    const auto without = claim(server, whatsapp("1", "first"));
    CHECK(without.status == 422);
    CHECK(member(without, "pointer") == "#/app_secret");
    const auto made = claim(server, whatsapp("1", "first", R"(,"app_secret":"app")"));
    CHECK(made.status == 201);
    CHECK(member(made, "verify_token").size() == 32);
    CHECK(server.requests.rows.agency.secrets[{{1}, "whatsapp_cloud/APP_SECRET"}] == "app");
    const auto other = claim(server, whatsapp("2", "second"));
    CHECK(other.status == 409);
    CHECK(member(other, "code") == "account.other_token");
    const auto both = claim(server, whatsapp("2", "both"));
    CHECK(both.status == 201);
    CHECK(member(both, "verify_token") == "");
}

TEST_CASE("providers are asked on one shop's word at the shop's rate, and no other shop waits for it") {
    Server server;
    const std::string body = R"({"channel":"telegram","token":"78:wrong"})";
    int asked = 0;
    while (asked < 100 && claim(server, body).status == 422) ++asked;
    CHECK(asked == 10);
    CHECK(claim(server, body).status == 429);
    CHECK(server.ask("POST", "/v1/accounts", "other", body).status == 422);
}

TEST_CASE("a page is named by its shop and needs no token") {
    Server server;
    const auto made = claim(server, R"({"channel":"web"})");
    CHECK(made.status == 201);
    CHECK(member(made, "external_id") == "ballet");
    CHECK(member(made, "widget_key").size() == 32);
    CHECK(server.requests.rows.agency.secrets.empty());
}

TEST_CASE("what the store refuses of an account has an answer of its own") {
    Server server;
    for (const auto* code : {"account.taken", "account.no_agent", "account.another"}) {
        server.requests.rows.agency.refusal = Error{Fault::permanent, code, "why"};
        const auto refused = claim(server, R"({"channel":"web"})");
        CHECK(refused.status == 409);
        CHECK(member(refused, "code") == code);
    }
}

TEST_CASE("who answers is chosen, left to the channel again, and an account ended") {
    Server server;
    const auto made = claim(server, R"({"channel":"web"})");
    const std::string path = header(made, "Location");
    server.requests.rows.agency.agents[{{2}, {18}}] = {};
    server.requests.rows.agency.agents[{{1}, {19}}] = {};
    const auto change = [&](const std::string& body) {
        return server.ask("PATCH", path, "admin", body,
                          {{"If-Match", header(server.ask("GET", path), "ETag")}});
    };
    const auto foreign = change(R"({"agent":18})");
    CHECK(foreign.status == 422);
    CHECK(member(foreign, "pointer") == "#/agent");
    CHECK(has(change(R"({"agent":19,"name":"Página"})"), R"("agent":19,"chosen":true)"));
    CHECK(member(server.ask("GET", path), "name") == "Página");
    CHECK(has(change(R"({"agent":null})"), R"("chosen":false)"));
    CHECK(server.ask("PATCH", path, "admin", R"({"agent":19})").status == 428);
    CHECK(server.ask("PATCH", path, "admin", R"({"agent":19})", {{"If-Match", "\"00\""}}).status == 412);
    CHECK(server.ask("DELETE", path, "other").status == 404);
    CHECK(server.ask("DELETE", path).status == 204);
    CHECK(member(server.ask("GET", path), "retired_at") == to_iso8601(server.clock.time));
    CHECK(server.ask("GET", path, "other").status == 404);
    CHECK(server.ask("PATCH", path, "other", R"({"agent":19})", {{"If-Match", "\"00\""}}).status == 404);
}

TEST_CASE("a provider's address is listed with what verifies it and what came there") {
    Server server;
    WebhookRow own{"telegram", {1}, "k1", {"77"}, at(5), 3, at(6)};
    WebhookRow shared{"whatsapp", {2}, "", {"1", "2"}, std::nullopt, 0, std::nullopt};
    server.requests.rows.agency.webhooks[{1}] = {shared, own};
    server.requests.rows.credentials[{{1}, "telegram/SECRET_TOKEN"}] = {"telegram", "SECRET_TOKEN", "",
                                                                        "f",        true,           at(0)};
    const auto listed = server.ask("GET", "/v1/webhooks");
    CHECK(
        listed.body ==
        R"({"items":[{"channel":"telegram","shared":false,"url":"https://own.example/webhooks/telegram/k1",)"
        R"("accounts":["77"],"verified_with":"telegram/SECRET_TOKEN","verifiable":true,"last_activity_at":")" +
            to_iso8601(at(5)) + R"(","unknown":3,"unknown_at":")" + to_iso8601(at(6)) +
            R"("},{"channel":"whatsapp","shared":true,"accounts":["1","2"],)"
            R"("verified_with":"whatsapp_cloud/APP_SECRET","unknown":0}]})");
    CHECK(server.ask("GET", "/v1/webhooks", "other").body == R"({"items":[]})");
}
