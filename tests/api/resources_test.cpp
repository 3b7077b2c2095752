// What each resource does beyond what the document says.

#include <doctest/doctest.h>

#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

std::string user_path(int n) {
    return "/v1/users/" + nth<UserId>(n).to_string();
}

}  // namespace

TEST_CASE("another shop's ids are answered as ids that nobody has") {
    Server server;
    auto& rows = server.requests.rows;
    KeyRow key;
    key.id = nth<ApiKeyId>(2);
    rows.keys[{{2}, key.id}] = key;
    const auto session = nth<SessionId>(2);
    rows.sessions[{{2}, session}] = {session, nth<UserId>(2), "abcd", at(0), at(0), at(9), std::nullopt};
    rows.roles[{{2}, "theirs"}] = {"theirs", false, {}};
    rows.credentials[{{2}, "openai/KEY"}] = {"openai", "KEY", "", "f", true, at(0)};
    struct Try {
        std::string method, theirs, nobodys, body;
    };
    const std::string uuid = nth<UserId>(77).to_string();
    const std::vector<Try> tries{
        {"GET", user_path(2), user_path(77), ""},
        {"PATCH", user_path(2), user_path(77), R"({"name":"x"})"},
        {"DELETE", user_path(2) + "/sessions", user_path(77) + "/sessions", ""},
        {"GET", "/v1/api-keys/" + key.id.to_string(), "/v1/api-keys/" + uuid, ""},
        {"DELETE", "/v1/api-keys/" + key.id.to_string(), "/v1/api-keys/" + uuid, ""},
        {"DELETE", "/v1/sessions/" + session.to_string(), "/v1/sessions/" + uuid, ""},
        {"GET", "/v1/roles/theirs", "/v1/roles/none", ""},
        {"DELETE", "/v1/roles/theirs", "/v1/roles/none", ""},
        {"GET", "/v1/credentials/openai/KEY", "/v1/credentials/openai/NONE", ""},
        {"DELETE", "/v1/credentials/openai/KEY", "/v1/credentials/openai/NONE", ""},
    };
    for (const auto& [method, theirs, nobodys, body] : tries) {
        CAPTURE(method);
        CAPTURE(theirs);
        const HttpHeaders based{{"If-Match", "\"00\""}};
        const auto foreign = server.ask(method, theirs, "admin", body, based);
        const auto unknown = server.ask(method, nobodys, "admin", body, based);
        CHECK(foreign.status == 404);
        CHECK(unknown.status == 404);
        CHECK(member(foreign, "code") == member(unknown, "code"));
    }
    CHECK(rows.keys.size() == 1);
    CHECK(rows.credentials.size() == 1);
    CHECK_FALSE(rows.sessions.begin()->second.ended_at);
}

TEST_CASE("a user is added, changed and shut out, and each change is noted with who made it") {
    Server server;
    const auto added = server.ask("POST", "/v1/users", "admin",
                                  R"({"email":"eva@example.com","name":"Eva","roles":["viewer"]})");
    CHECK(added.status == 201);
    const std::string path = header(added, "Location");
    CHECK(path == "/v1/users/" + member(added, "id"));
    CHECK(server.ask("GET", path).body == added.body);
    const auto ended =
        server.ask("PATCH", path, "admin", R"({"active":false})", {{"If-Match", header(added, "ETag")}});
    CHECK(member(ended, "status") == "disabled");
    CHECK(server.ask("DELETE", path + "/sessions").status == 204);
    REQUIRE(server.requests.rows.actors.size() == 3);
    for (const auto& actor : server.requests.rows.actors) {
        CHECK(actor.kind == "user");
        CHECK(actor.id == nth<UserId>(1).to_string());
        CHECK(actor.trace.size() == 32);
    }
}

TEST_CASE("what the store refuses has an answer of its own") {
    Server server;
    const std::string body = R"({"email":"eva@example.com","roles":["viewer"]})";
    const auto answer_to = [&](PeopleStore::Outcome outcome) {
        server.requests.rows.refuse = outcome;
        return server.ask("POST", "/v1/users", "admin", body);
    };
    CHECK(answer_to(PeopleStore::Outcome::taken).status == 409);
    CHECK(answer_to(PeopleStore::Outcome::unknown_role).status == 422);
    CHECK(member(answer_to(PeopleStore::Outcome::unknown_role), "pointer") == "#/roles");
    CHECK(answer_to(PeopleStore::Outcome::beyond_actor).status == 403);
    server.requests.rows.refuse = PeopleStore::Outcome::last_admin;
    const auto last = server.ask("PATCH", user_path(1), "admin", R"({"active":false})",
                                 {{"If-Match", header(server.ask("GET", user_path(1)), "ETag")}});
    CHECK(last.status == 409);
    CHECK(member(last, "code") == "api.last_admin");
}

TEST_CASE("a ticket is given to the operator, and to the shop's people for whoever may do no more") {
    Server server;
    const std::string path = user_path(2) + "/tickets";
    const auto given = server.ask("POST", path, "operator", "", {{"X-Tenant-Id", "2"}});
    CHECK(given.status == 201);
    CHECK(member(given, "ticket") == "rlv_ticket_1");
    auto& callers = server.identity.callers;
    const auto of_shop = [](int n, std::vector<std::string> names) {
        return Principal::user({1}, nth<UserId>(n), "Di", Permissions::known(names));
    };
    callers.emplace("inviter", of_shop(4, {"users.invite", "agents.read"}));
    callers.emplace("writer", of_shop(5, {"users.read", "users.write"}));
    const auto invite = [&](const std::string& token) {
        const auto answer = server.ask("POST", user_path(1) + "/tickets", token);
        return answer.status == 201 ? member(answer, "ticket") : member(answer, "code");
    };
    server.identity.invited_may = Permissions::known(std::vector<std::string>{"agents.read"});
    CHECK(invite("admin") == "rlv_ticket_1");
    CHECK(invite("inviter") == "rlv_ticket_1");
    CHECK(invite("writer") == "api.not_permitted");
    CHECK(invite("nobody") == "api.not_permitted");
    // only people invite people: a key that leaked makes nobody's sign-in its own
    CHECK(invite("key") == "api.wrong_caller");
    server.identity.invited_may = Permissions::known(std::vector<std::string>{"agents.read", "vault.read"});
    CHECK(invite("admin") == "rlv_ticket_1");
    CHECK(invite("inviter") == "identity.not_yours");
    const std::string nobodys = "/v1/users/" + UserId{}.to_string() + "/tickets";
    CHECK(server.ask("POST", nobodys, "operator", "", {{"X-Tenant-Id", "2"}}).status == 404);
}

TEST_CASE("people sign in, see who they are and sign out") {
    Server server;
    const auto in =
        server.ask("POST", "/v1/sessions", "", R"({"email":"ana@example.com","password":"right"})");
    CHECK(in.status == 201);
    CHECK(member(in, "secret") == "rlv_session_1");
    CHECK(header(in, "Location") == "/v1/sessions/" + nth<SessionId>(1).to_string());
    CHECK(server.identity.addresses == std::vector<std::string>{"192.0.2.1"});
    const auto wrong =
        server.ask("POST", "/v1/sessions", "", R"({"email":"ana@example.com","password":"no"})");
    CHECK(wrong.status == 401);
    server.identity.refusal = Error{Fault::transient, "identity.too_many_attempts", "wait", Millis{60'000}};
    const auto held =
        server.ask("POST", "/v1/sessions", "", R"({"email":"ana@example.com","password":"no"})");
    CHECK(held.status == 429);
    CHECK(header(held, "Retry-After") == "60");
    server.identity.refusal.reset();
    CHECK(member(server.ask("GET", "/v1/me"), "kind") == "user");
    CHECK(server.ask("GET", "/v1/me").body.find(R"("tenant":1)") != std::string::npos);
    CHECK(server.ask("GET", "/v1/me", "operator").body.find("tenant\"") == std::string::npos);
    CHECK(server.ask("DELETE", "/v1/session").status == 204);
}

TEST_CASE("a ticket is taken up with a password or with a token, not with both") {
    Server server;
    const auto redeem = [&](const std::string& body) {
        server.clock.time += Millis{2'000};
        return server.ask("POST", "/v1/tickets/redeem", "", body);
    };
    CHECK(redeem(R"({"ticket":"good","password":"long enough"})").status == 201);
    const auto weak = redeem(R"({"ticket":"good","password":"short"})");
    CHECK(weak.status == 422);
    CHECK(member(weak, "pointer") == "#/password");
    CHECK(redeem(R"({"ticket":"bad","password":"long enough"})").status == 401);
    const auto token = redeem(R"({"ticket":"good","token":"jwt"})");
    CHECK(token.status == 201);
    CHECK(member(token, "secret") == "");
    CHECK(redeem(R"({"ticket":"good","token":"jwt","password":"long enough"})").status == 422);
    CHECK(redeem(R"({"ticket":"good"})").status == 422);
}

TEST_CASE("a key can do no more than who makes it, and only people make keys") {
    Server server;
    const std::string body =
        R"({"name":"crm","scopes":["users.read"],"expires_at":"2026-06-01T00:00:00.000Z"})";
    server.identity.callers.emplace(
        "editor", Principal::user({1}, nth<UserId>(1), "Ed",
                                  Permissions::parse(std::vector<std::string>{"users.write"}).value()));
    CHECK(server.ask("POST", "/v1/api-keys", "key", body).status == 403);
    CHECK(server.ask("POST", "/v1/api-keys", "editor", body).status == 403);
    server.clock.time = *from_iso8601("2026-05-31T00:00:00.000Z");
    const auto made = server.ask("POST", "/v1/api-keys", "admin", body);
    CHECK(made.status == 201);
    CHECK(member(made, "owner") == nth<UserId>(1).to_string());
    const auto by_operator = server.ask("POST", "/v1/api-keys", "operator", body, {{"X-Tenant-Id", "2"}});
    CHECK(by_operator.status == 201);
    CHECK(member(by_operator, "owner") == "");
    // an operator reads no customers' words, by no key either
    const std::string reads = R"({"name":"crm","scopes":["conversations.read"]})";
    CHECK(server.ask("POST", "/v1/api-keys", "operator", reads, {{"X-Tenant-Id", "2"}}).status == 403);
    server.requests.rows.refuse = PeopleStore::Outcome::taken;
    const auto stale = server.ask("POST", "/v1/api-keys", "admin", body);
    CHECK(stale.status == 409);
    CHECK(member(stale, "secret") == "");
    server.requests.rows.refuse = PeopleStore::Outcome::too_many;
    CHECK(server.ask("POST", "/v1/api-keys", "admin", body).status == 409);
    server.requests.rows.refuse = PeopleStore::Outcome::done;
    server.clock.time = *from_iso8601("2026-06-01T00:00:00.000Z");
    const auto late = server.ask("POST", "/v1/api-keys", "admin", body);
    CHECK(late.status == 422);
    CHECK(member(late, "pointer") == "#/expires_at");
    const std::string path = header(made, "Location");
    CHECK(server.ask("DELETE", path).status == 204);
    CHECK(member(server.ask("GET", path), "revoked_at") == "2026-06-01T00:00:00.000Z");
}

TEST_CASE("a credential goes in, and only its end and its fingerprint come out") {
    Server server;
    const std::string path = "/v1/credentials/openai/API_KEY";
    const auto put = server.ask("PUT", path, "admin", R"({"value":"sk-canary-1234567890"})");
    CHECK(put.status == 200);
    CHECK(member(put, "last4") == "7890");
    for (const auto& answer : {put, server.ask("GET", path), server.ask("GET", "/v1/credentials")}) {
        CHECK(answer.body.find("canary") == std::string::npos);
        CHECK(answer.body.find(member(put, "fingerprint")) != std::string::npos);
    }
    CHECK(server.ask("PUT", "/v1/credentials/openai/..%2Fx", "admin", R"({"value":"v"})").status == 404);
    CHECK(server.ask("DELETE", path).status == 204);
    CHECK(server.ask("GET", path).status == 404);
}

TEST_CASE("nobody states, reads or removes a credential of the product's own category") {
    Server server;
    const std::string path = "/v1/credentials/relevo/ERASURE_KEY";
    const auto put = server.ask("PUT", path, "admin", R"({"value":"0"})");
    CHECK(put.status == 422);
    CHECK(member(put, "code") == "vault.reserved");
    CHECK(server.ask("GET", path).status == 404);
    CHECK(server.ask("DELETE", path).status == 404);
}

TEST_CASE("an operator makes shops and changes them") {
    Server server;
    const std::string body = R"({"slug":"danza","name":"Danza","cors_origins":["https://danza.example"]})";
    const auto made = server.ask("POST", "/v1/tenants", "operator", body, {{"Idempotency-Key", "k"}});
    CHECK(made.status == 201);
    CHECK(header(made, "Location") == "/v1/tenants/3");
    CHECK(server.ask("POST", "/v1/tenants", "operator", body, {{"Idempotency-Key", "k"}}).body == made.body);
    CHECK(server.ask("POST", "/v1/tenants", "operator", body).status == 409);
    const auto changed = server.ask("PATCH", "/v1/tenants/3", "operator", R"({"name":"Danza Sur"})",
                                    {{"If-Match", header(made, "ETag")}});
    CHECK(member(changed, "name") == "Danza Sur");
    CHECK(server.ask("PATCH", "/v1/tenants/3", "operator", "{}", {{"If-Match", "\"00\""}}).status == 422);
    CHECK(server.ask("GET", "/v1/tenants/99", "operator").status == 404);
    CHECK(server.ask("POST", "/v1/tenants", "admin", body).status == 403);
}
