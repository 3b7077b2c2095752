// What a shop states of itself, and who may.

#include <doctest/doctest.h>

#include <array>

#include "domain/shop_rules.hpp"
#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

constexpr auto own = "/v1/tenants/1";

HttpHeaders based_on(const HttpResponse& read) {
    return {{"If-Match", header(read, "ETag")}};
}

HttpResponse change(Server& server, const std::string& body, const std::string& token = "admin") {
    return server.ask("PATCH", own, token, body, based_on(server.ask("GET", own, token)));
}

// What the document says against a change; empty where it says nothing.
std::string flaw(const std::string& change) {
    static const Shape shape = project_document().shape("/components/schemas/TenantChange");
    const auto found = shape.judge(SentJson::parse(change).value());
    return found ? found->text : std::string();
}

std::string listed(const std::vector<std::string>& names) {
    return R"({"redact":)" + json_texts(names) + "}";
}

}  // namespace

TEST_CASE("an administrator reads and changes what their shop states of itself") {
    Server server;
    const auto before = server.ask("GET", own);
    CHECK(before.status == 200);
    CHECK(member(before, "time_zone") == "UTC");
    CHECK(before.body.find(R"("keep_days":null)") != std::string::npos);
    CHECK(before.body.find(R"("redact":["card","iban","national_id","email","phone"])") != std::string::npos);
    const std::string body =
        R"({"time_zone":"America/Santiago","fallback_text":"Ahora no.","redact":["phone","card"],)"
        R"("keep_days":90,"cors_origins":["https://new.example"]})";
    const auto after = server.ask("PATCH", own, "admin", body, based_on(before));
    CHECK(after.status == 200);
    CHECK(member(after, "time_zone") == "America/Santiago");
    CHECK(member(after, "fallback_text") == "Ahora no.");
    CHECK(member(after, "name") == "Ballet");
    CHECK(after.body.find(R"("redact":["card","phone"],"keep_days":90)") != std::string::npos);
    CHECK(after.body.find("https://new.example") != std::string::npos);
    CHECK(server.requests.rows.actors.back().kind == "user");
    CHECK(server.ask("GET", own).body == after.body);
    CHECK(server.ask("PATCH", own, "admin", body, based_on(before)).status == 412);
    CHECK(server.ask("PATCH", own, "admin", body).status == 428);
    const auto for_ever = change(server, R"({"keep_days":null,"redact":[]})");
    CHECK(for_ever.body.find(R"("redact":[],"keep_days":null)") != std::string::npos);
    CHECK(member(for_ever, "time_zone") == "America/Santiago");
}

TEST_CASE("what no shop may state is refused, with what to state instead") {
    Server server;
    const auto zone = change(server, R"({"time_zone":"Mars/Olympus"})");
    CHECK(zone.status == 422);
    CHECK(member(zone, "pointer") == "#/time_zone");
    CHECK(member(zone, "detail").find("America/Argentina/Buenos_Aires") != std::string::npos);
    const auto days = change(server, R"({"keep_days":29})");
    CHECK(days.status == 422);
    CHECK(member(days, "detail").find("must be at least 30") != std::string::npos);
    const auto kind = change(server, R"({"redact":["passport"]})");
    CHECK(kind.status == 422);
    CHECK(member(kind, "pointer") == "#/redact/0");
    CHECK(kind.body.find("national_id") != std::string::npos);
    for (const auto* body : {R"({"slug":"mine"})", R"({"id":2})", R"({"fallback_text":""})",
                             R"({"time_zone":null})", R"({"redact":["card","card"]})", "{}"}) {
        CAPTURE(body);
        CHECK(change(server, body).status == 422);
    }
    CHECK(server.requests.rows.tenants.at({1}).time_zone == "UTC");
}

TEST_CASE("the document allows what a shop's file may state, and no more") {
    const auto kept = [](int days) { return R"({"keep_days":)" + std::to_string(days) + "}"; };
    CHECK(flaw(R"({"keep_days":null})").empty());
    for (const int days : {least_kept_days, most_kept_days}) CHECK(flaw(kept(days)).empty());
    for (const int days : {least_kept_days - 1, most_kept_days + 1}) CHECK_FALSE(flaw(kept(days)).empty());
    // a kind that there is not would be passed over, and shown
    CHECK(flaw(listed({"passport"})) == "must be one of " + json_texts(personal_kind_names()));
    CHECK(flaw(listed(personal_kind_names())).empty());
    const auto said = [](std::size_t letters) {
        return R"({"fallback_text":")" + std::string(letters, 'x') + R"("})";
    };
    CHECK(flaw(said(most_sentence_characters)).empty());
    CHECK_FALSE(flaw(said(most_sentence_characters + 1)).empty());
}

TEST_CASE("a shop is its own people's by their rights, and the operator's by its id") {
    Server server;
    CHECK(member(server.ask("GET", own, "nobody"), "code") == "api.not_permitted");
    CHECK(member(server.ask("PATCH", own, "nobody", R"({"keep_days":30})"), "code") == "api.not_permitted");
    server.identity.callers.emplace(
        "reader", Principal::user({1}, nth<UserId>(3), "Cy",
                                  Permissions::known(std::array<std::string, 1>{"shop.read"})));
    CHECK(server.ask("GET", own, "reader").status == 200);
    CHECK(server.ask("GET", own, "key").status == 200);
    CHECK(change(server, R"({"keep_days":30})", "reader").status == 403);
    for (const auto* path : {"/v1/tenants/2", "/v1/tenants/99"}) {
        CAPTURE(path);
        const auto read = server.ask("GET", path);
        CHECK(read.status == 404);
        CHECK(member(read, "code") == "api.not_found");
        CHECK(server.ask("PATCH", path, "admin", R"({"keep_days":30})", {{"If-Match", "\"00\""}}).status ==
              404);
        CHECK(server.ask("GET", path, "nobody").status == 404);
    }
    CHECK_FALSE(server.requests.rows.tenants.at({2}).keep_days);
    CHECK(member(server.ask("GET", "/v1/tenants/2", "operator"), "slug") == "other");
    CHECK(change(server, R"({"keep_days":30})", "operator").status == 200);
    CHECK(server.requests.rows.actors.back().kind == "operator");
    // the path says which shop, whatever a header says
    CHECK(member(server.ask("GET", own, "operator", "", {{"X-Tenant-Id", "2"}}), "slug") == "ballet");
    CHECK(server.ask("GET", own, "other", "", {{"X-Tenant-Id", "1"}}).status == 404);
}
