// What models cost, and what a shop may spend on them.

#include <doctest/doctest.h>

#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

const HttpHeaders is_new{{"If-None-Match", "*"}};
const std::string month = "/v1/budgets/shop/month";

HttpHeaders based_on(const HttpResponse& answer) {
    return {{"If-Match", header(answer, "ETag")}};
}

std::string price(const std::string& model, const std::string& more = "") {
    return R"({"provider":"openai","model":")" + model +
           R"(","from":"2026-01-01T00:00:00.000Z","input_micros":150000,"output_micros":600000)" + more + "}";
}

std::string price_list(const std::string& items) {
    return R"({"currency":"USD","items":[)" + items + "]}";
}

}  // namespace

TEST_CASE("usage is told in whole millionths, with what nobody knows beside them") {
    Server server;
    UsageRow row;
    row.line.key = "17";
    row.name = "Ventas";
    row.line.calls = 4;
    row.line.in_vain = 1;
    row.line.input_tokens = 212;
    row.line.cost = {{{"USD", 215}}, 1};
    server.requests.rows.talk.usage.emplace_back(TenantId{1}, row);
    const std::string path = "/v1/usage?by=agent&since=2026-01-01T00:00:00.000Z";
    const auto told = server.ask("GET", path + "&until=2026-02-01T00:00:00.000Z&agent=17");
    CHECK(told.status == 200);
    CHECK(
        told.body.find(R"("cost":{"amounts":[{"currency":"USD","amount_micros":215}],"unpriced_calls":1})") !=
        std::string::npos);
    CHECK(member(told, "name") == "Ventas");
    const auto& asked = server.requests.rows.talk.asked.back();
    CHECK(asked.by == "agent");
    CHECK(asked.agent == 17);
    CHECK(asked.since == from_iso8601("2026-01-01T00:00:00.000Z"));
    CHECK(asked.until == from_iso8601("2026-02-01T00:00:00.000Z"));
    CHECK(server.ask("GET", path + "&until=2026-02-01T00:00:00.000Z", "other").body == R"({"items":[]})");
}

TEST_CASE("usage says what it wants where a moment is missing, is none, or the span is too long") {
    Server server;
    CHECK(server.ask("GET", "/v1/usage?by=day").status == 400);
    CHECK(server.ask("GET", "/v1/usage?since=2026-01-01T00:00:00.000Z").status == 400);
    const auto none = server.ask("GET", "/v1/usage?by=day&since=2026-13-01T00:00:00.000Z");
    CHECK(none.status == 400);
    CHECK(member(none, "parameter") == "since");
    const std::string long_span = "/v1/usage?by=day&since=2024-01-01T00:00:00.000Z&until=";
    CHECK(server.ask("GET", long_span + "2025-01-01T00:00:00.000Z").status == 200);
    CHECK(server.ask("GET", long_span + "2025-01-03T00:00:00.000Z").status == 400);
}

TEST_CASE("the next page of turns begins behind a turn's id, and nothing else") {
    Server server;
    for (const auto* key : {"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"}) {
        UsageRow row;
        row.line.key = key;
        server.requests.rows.talk.usage.emplace_back(TenantId{1}, row);
    }
    const auto page = [&](const std::string& by, const std::string& cursor) {
        return server.ask("GET",
                          "/v1/usage?since=2026-01-01T00:00:00.000Z&until=2026-02-01T00:00:00.000Z&by=" + by +
                              "&limit=1" + (cursor.empty() ? "" : "&cursor=" + cursor));
    };
    const auto rest = page("turn", member(page("turn", ""), "next"));
    CHECK(rest.status == 200);
    CHECK(rest.body.find("0002") != std::string::npos);
    server.requests.rows.talk.usage.front().second.line.key = "00-no-id";
    const auto refused = page("turn", member(page("turn", ""), "next"));
    CHECK(refused.status == 400);
    CHECK(member(refused, "code") == "api.bad_cursor");
    CHECK(page("model", member(page("model", ""), "next")).status == 200);
}

TEST_CASE("a budget is made once, changed by who read it, and removed") {
    Server server;
    const std::string body = R"({"currency":"USD","hard_micros":5000000,"soft_micros":4000000})";
    const auto unbased = server.ask("PUT", month, "admin", body);
    CHECK(unbased.status == 428);
    CHECK(unbased.body.find("`If-None-Match: *` to make") != std::string::npos);
    CHECK(unbased.body.find("as If-Match to change") != std::string::npos);
    const auto made = server.ask("PUT", month, "admin", body, is_new);
    CHECK(made.status == 200);
    CHECK(made.body.find(R"("hard_micros":5000000,"soft_micros":4000000)") != std::string::npos);
    CHECK(server.ask("PUT", month, "admin", body, is_new).status == 412);
    const auto changed =
        server.ask("PUT", month, "admin", R"({"currency":"USD","hard_micros":1})", based_on(made));
    CHECK(changed.status == 200);
    CHECK(changed.body.find("soft_micros\":") == std::string::npos);
    CHECK(server.ask("PUT", month, "admin", body, based_on(made)).status == 412);
    CHECK(server.requests.rows.talk.actors.size() == 2);
    CHECK(server.ask("GET", month, "other").status == 404);
    CHECK(server.ask("DELETE", month).status == 204);
    CHECK(server.ask("DELETE", month).status == 404);
}

TEST_CASE("what is spent of a budget changes what is read, and nobody's reason to change it") {
    Server server;
    const auto made =
        server.ask("PUT", month, "admin", R"({"currency":"USD","hard_micros":5000000})", is_new);
    auto& row = server.requests.rows.talk.budgets[{1}].front();
    row.line.spent = 1'234'567;
    row.line.events = {{"soft", 1}, {"exhausted", 3}};
    const auto read = server.ask("GET", month);
    CHECK(read.body.find(R"("spent_micros":1234567)") != std::string::npos);
    CHECK(read.body.find(R"("soft_reached":true,"refused_calls":3)") != std::string::npos);
    CHECK(header(read, "ETag") == header(made, "ETag"));
}

TEST_CASE("a budget is of the shop or of one of its agents, and limits something") {
    Server server;
    const std::string body = R"({"currency":"USD","hard_micros":5000000})";
    const auto made = server.ask("PUT", "/v1/budgets/17/day", "admin", body, is_new);
    CHECK(made.status == 200);
    CHECK(member(made, "scope") == "17");
    CHECK(server.ask("PUT", "/v1/budgets/18/day", "admin", body, is_new).status == 404);
    CHECK(server.ask("PUT", "/v1/budgets/shop/year", "admin", body, is_new).status == 404);
    for (const auto* wrong : {R"({"currency":"USD"})", R"({"currency":"usd","hard_micros":1})",
                              R"({"currency":"USD","hard_micros":0.5})",
                              R"({"currency":"USD","hard_micros":-1})", R"({"currency":"USD","hard":1})"}) {
        CAPTURE(wrong);
        CHECK(server.ask("PUT", month, "admin", wrong, is_new).status == 422);
    }
}

TEST_CASE("a soft limit above the hard one would never be reached, and is refused") {
    Server server;
    const auto put = [&](const std::string& limits) {
        return server.ask("PUT", month, "admin", R"({"currency":"USD",)" + limits + "}", is_new);
    };
    const auto refused = put(R"("hard_micros":5,"soft_micros":6)");
    CHECK(refused.status == 422);
    CHECK(member(refused, "pointer") == "#/soft_micros");
    CHECK(put(R"("hard_micros":5,"soft_micros":5)").status == 200);
}

TEST_CASE("a budget names the models that its hard limit keeps from being asked, but none that is free") {
    Server server;
    const auto made = server.ask("PUT", month, "admin", R"({"currency":"USD","hard_micros":5})", is_new);
    CHECK(made.body.find(R"("unpriced":[])") != std::string::npos);
    server.requests.rows.talk.budgets[{1}].front().line.unpriced = {
        {"offline", "", ""}, {"openai", "", "new"}, {"openai", "https://models.example/v1", "own"}};
    const std::string named =
        R"("unpriced":[{"provider":"openai","model":"new"},)"
        R"({"provider":"openai","base_url":"https://models.example/v1","model":"own"}])";
    CHECK(server.ask("GET", month).body.find(named) != std::string::npos);
    CHECK(server.ask("GET", "/v1/budgets").body.find(named) != std::string::npos);
    const auto again =
        server.ask("PUT", month, "admin", R"({"currency":"USD","hard_micros":6})", based_on(made));
    CHECK(again.body.find(named) != std::string::npos);
}

TEST_CASE("a budget is in the currency of the prices, once there are such") {
    Server server;
    const std::string body = R"({"currency":"ARS","hard_micros":5000000})";
    const auto made = server.ask("PUT", month, "admin", body, is_new);
    CHECK(made.status == 200);
    server.requests.rows.talk.prices.currency = "USD";
    const auto refused = server.ask("PUT", month, "admin", body, based_on(made));
    CHECK(refused.status == 422);
    CHECK(member(refused, "pointer") == "#/currency");
    CHECK(refused.body.find("USD") != std::string::npos);
    CHECK(server.ask("PUT", month, "admin", R"({"currency":"USD","hard_micros":1})", based_on(made)).status ==
          200);
}

TEST_CASE("every shop reads the prices, and the operator states them as they were read") {
    Server server;
    const auto none = server.ask("GET", "/v1/prices");
    CHECK(none.body == R"({"items":[]})");
    const std::string path = "/v1/prices";
    const std::string body =
        price_list(price("gpt*") + "," + price("gpt-mini", R"(,"cached_input_micros":75000)"));
    CHECK(server.ask("PUT", path, "admin", body, based_on(none)).status == 403);
    CHECK(server.ask("PUT", path, "operator", body).status == 428);
    const auto stated = server.ask("PUT", path, "operator", body, based_on(none));
    REQUIRE(stated.status == 200);
    CHECK(server.ask("GET", path).body == stated.body);
    const auto& prices = server.requests.rows.talk.prices.prices;
    REQUIRE(prices.size() == 2);
    CHECK(prices[0].cached_input == 150'000);
    CHECK(prices[1].cached_input == 75'000);
    CHECK(server.ask("PUT", path, "operator", body, based_on(none)).status == 412);
}

TEST_CASE("a server with a price of its own is shown to the operator and to the shop that asks it") {
    Server server;
    const std::string own = R"(,"base_url":"https://models.ballet.example/v1/")";
    const std::string path = "/v1/prices";
    const auto stated =
        server.ask("PUT", path, "operator", price_list(price("gpt*") + "," + price("llama", own)),
                   based_on(server.ask("GET", path)));
    REQUIRE(stated.status == 200);
    const auto shown = [&](const std::string& token) {
        return server.ask("GET", path, token).body.find("https://models.ballet.example/v1") !=
               std::string::npos;
    };
    CHECK(server.ask("GET", path, "operator", "", {{"X-Tenant-Id", "1"}}).body == stated.body);
    CHECK(server.ask("GET", path, "operator").body == stated.body);  // they are no shop's
    CHECK(server.ask("GET", "/v1/budgets", "operator").status == 400);
    CHECK_FALSE(shown("admin"));
    CHECK(server.ask("GET", path).body.find("gpt*") != std::string::npos);
    REQUIRE(server
                .ask("POST", "/v1/agents", "admin",
                     R"({"name":"A","publish":true,"settings":{"provider":"offline",)" + own.substr(1) + "}}")
                .status == 201);
    CHECK(shown("admin"));
    CHECK_FALSE(shown("other"));
}

TEST_CASE("prices that contradict each other are refused with their place") {
    Server server;
    const auto base = based_on(server.ask("GET", "/v1/prices"));
    const auto pointer_of = [&](const std::string& items) {
        const auto answer = server.ask("PUT", "/v1/prices", "operator", price_list(items), base);
        CHECK(answer.status == 422);
        return member(answer, "pointer");
    };
    CHECK(pointer_of(price("a") + "," + price("a")) == "#/items/1");
    CHECK(pointer_of(price("a", R"(,"base_url":"https://b/v1/")") + "," +
                     price("a", R"(,"base_url":"https://b/v1")")) == "#/items/1");
    CHECK(pointer_of(price("a", R"(,"until":"2026-01-01T00:00:00.000Z")")) == "#/items/0/until");
    CHECK(pointer_of(price("a*b")) == "#/items/0/model");
    CHECK(server.requests.rows.talk.prices.prices.empty());
}
