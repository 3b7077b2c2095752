// A shop's agents: drafts, versions, and what may not be one.

#include <doctest/doctest.h>

#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

HttpResponse add(Server& server, const std::string& body, const std::string& token = "admin") {
    return server.ask("POST", "/v1/agents", token, body);
}

HttpResponse based(Server& server, const std::string& method, const std::string& path,
                   const HttpResponse& read, const std::string& body = {}) {
    return server.ask(method, path, "admin", body, {{"If-Match", header(read, "ETag")}});
}

bool has(const HttpResponse& answer, const std::string& text) {
    return answer.body.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("an agent begins as its template, with what is stated in its place, and is a draft") {
    Server server;
    const auto made =
        add(server, R"({"name":"Ventas","template":"sales","settings":{"model":"m","spacing_ms":0}})");
    CHECK(made.status == 201);
    CHECK(header(made, "Location") == "/v1/agents/17");
    CHECK(has(made, R"("version":0)"));
    CHECK(has(made, R"("prompt":"Vendés.")"));
    CHECK(has(made, R"("model":"m")"));
    CHECK(has(made, R"("spacing_ms":0)"));
    CHECK_FALSE(has(made, "\"published\""));
    CHECK(server.ask("GET", "/v1/agents/17").body == made.body);
    CHECK(has(server.ask("GET", "/v1/agents"), R"("name":"Ventas")"));
    CHECK(server.requests.rows.agency.actors.size() == 1);
    const auto unknown = add(server, R"({"name":"X","template":"none"})");
    CHECK(unknown.status == 422);
    CHECK(member(unknown, "pointer") == "#/template");
}

TEST_CASE("every setting that is stated comes back") {
    Server server;
    const std::string settings =
        R"({"role":"r","provider":"offline","base_url":"https://models.example/v1","model":"m","prompt":"p",)"
        R"("disclosure":"d","temperature":0.25,"max_output_tokens":9,"quiet_ms":1,"max_wait_ms":2,)"
        R"("max_messages":3,"spacing_ms":null,"enabled_tools":["rag_search"],"channels":["telegram"],)"
        R"("fallbacks":[{"provider":"offline","base_url":"","model":"n","credentials":""}],)"
        R"("on_failure":"handoff","hours":[{"day":1,"from":540,"to":1080}],"on_closed":"handoff",)"
        R"("closed_text":"c"})";
    const auto made = add(server, R"({"name":"Todo","publish":true,"settings":)" + settings + "}");
    CHECK(made.status == 201);
    CHECK(has(made, R"("published":)" + settings));
    CHECK(has(made, R"("version":1)"));
}

TEST_CASE("an agent whose provider's key is missing is refused, and said how to bring it") {
    Server server;
    const auto refused = add(server, R"({"name":"Ana","settings":{"provider":"openai"}})");
    CHECK(refused.status == 400);
    CHECK(member(refused, "code") == "agent.no_credentials");
    CHECK(has(refused, "/v1/credentials/openai/API_KEY"));
    server.requests.rows.credentials[{{2}, "openai/API_KEY"}] = {"openai", "API_KEY", "", "f", true, at(0)};
    CHECK(add(server, R"({"name":"Ana","settings":{"provider":"openai"}})").status == 400);
    server.requests.rows.credentials[{{1}, "openai/API_KEY"}] = {"openai", "API_KEY", "", "f", true, at(0)};
    CHECK(add(server, R"({"name":"Ana","settings":{"provider":"openai"}})").status == 201);
    CHECK(add(server, R"({"name":"B","settings":{"provider":"gemini"}})").status == 422);
    CHECK(add(server, R"({"name":"C","settings":{"prompt":"{WHO_KNOWS}"}})").status == 422);
    CHECK(add(server, R"({"name":"D","settings":{"base_url":"https://me:secret@models.example"}})").status ==
          422);
}

TEST_CASE("a server of the own network is refused where it is stated, unless the operator trusts it") {
    Server server;
    const auto refused =
        add(server, R"({"name":"A","settings":{"base_url":"http://169.254.169.254/latest"}})");
    CHECK(refused.status == 422);
    CHECK(member(refused, "code") == "agent.invalid");
    CHECK(member(refused, "pointer") == "#/settings/base_url");
    CHECK(has(refused, "169.254.169.254:80 is a link-local address"));
    const auto made = add(server, R"({"name":"A","settings":{"base_url":"http://models.internal:8000/v1"}})");
    REQUIRE(made.status == 201);
    const auto changed = based(server, "PATCH", "/v1/agents/17", made,
                               R"({"fallbacks":[{"provider":"offline"},)"
                               R"({"provider":"offline","base_url":"http://localhost:8000"}]})");
    CHECK(changed.status == 422);
    CHECK(member(changed, "pointer") == "#/fallbacks/1/base_url");
}

TEST_CASE("a channel that there is none of is refused with those that there are") {
    Server server;
    const auto refused = add(server, R"({"name":"A","settings":{"channels":["web","fax"]}})");
    CHECK(refused.status == 422);
    CHECK(member(refused, "pointer") == "#/settings/channels/1");
    CHECK(has(refused, "telegram"));
}

TEST_CASE("who writes agents cannot send the vault's keys to a server of their choice") {
    Server server;
    server.identity.callers.emplace(
        "editor",
        Principal::user({1}, nth<UserId>(1), "Ed",
                        Permissions::parse(std::vector<std::string>{"agents.read", "agents.write"}).value()));
    server.requests.rows.credentials[{{1}, "stripe/API_KEY"}] = {"stripe", "API_KEY", "", "f", true, at(0)};
    const std::string body = R"({"name":"E","settings":{"fallbacks":[{"provider":"openai",)"
                             R"("base_url":"https://mine.example","credentials":"stripe"}]}})";
    const auto refused = add(server, body, "editor");
    CHECK(refused.status == 403);
    CHECK(member(refused, "code") == "agent.keys_elsewhere");
    CHECK(add(server, body).status == 201);
}

TEST_CASE("nor by the agent's own model, in one step or in two") {
    Server server;
    server.identity.callers.emplace(
        "editor",
        Principal::user({1}, nth<UserId>(1), "Ed",
                        Permissions::parse(std::vector<std::string>{"agents.read", "agents.write"}).value()));
    server.requests.rows.credentials[{{1}, "openai/API_KEY"}] = {"openai", "API_KEY", "", "f", true, at(0)};
    const auto change = [&](const std::string& body, const std::string& token) {
        const auto read = server.ask("GET", "/v1/agents/17");
        return server.ask("PATCH", "/v1/agents/17", token, body, {{"If-Match", header(read, "ETag")}});
    };
    const std::string both = R"({"provider":"openai","base_url":"https://mine.example/v1"})";
    CHECK(member(add(server, R"({"name":"E","settings":)" + both + "}", "editor"), "code") ==
          "agent.keys_elsewhere");
    REQUIRE(add(server, R"({"name":"E"})", "editor").status == 201);
    CHECK(change(both, "editor").status == 403);
    // no key goes to the offline model, wherever it is said to be
    CHECK(change(R"({"base_url":"https://mine.example/v1"})", "editor").status == 200);
    CHECK(change(R"({"provider":"openai"})", "editor").status == 403);
    CHECK(change(R"({"provider":"openai"})", "admin").status == 200);
    // what somebody else said before is not this one's doing
    CHECK(change(R"({"model":"n"})", "editor").status == 200);
    CHECK(change(R"({"base_url":"https://other.example/v1"})", "editor").status == 403);
    CHECK(change(R"({"base_url":""})", "editor").status == 200);
}

TEST_CASE("a draft is changed, published and rolled back, each on what was read") {
    Server server;
    const auto made = add(server, R"({"name":"Ventas","template":"sales","publish":true})");
    CHECK(server.ask("PATCH", "/v1/agents/17", "admin", R"({"model":"n"})").status == 428);
    const auto changed = based(server, "PATCH", "/v1/agents/17", made, R"({"model":"n"})");
    CHECK(changed.status == 200);
    CHECK(has(changed, R"("draft":{)"));
    CHECK(has(changed, R"("prompt":"Vendés.")"));  // as it is published
    CHECK(based(server, "PATCH", "/v1/agents/17", made, R"({"model":"o"})").status == 412);
    CHECK(based(server, "POST", "/v1/agents/17/publish", made).status == 412);
    const auto published = based(server, "POST", "/v1/agents/17/publish", changed);
    CHECK(published.status == 200);
    CHECK(has(published, R"("version":2)"));
    const auto again = based(server, "POST", "/v1/agents/17/publish", published);
    CHECK(again.status == 409);
    CHECK(member(again, "code") == "agent.no_draft");
    const auto none = based(server, "POST", "/v1/agents/17/rollback", published, R"({"version":9})");
    CHECK(none.status == 422);
    const auto back = based(server, "POST", "/v1/agents/17/rollback", published, R"({"version":1})");
    CHECK(has(back, R"("version":3)"));
    CHECK(has(back, R"("model":"")"));
    const auto page = server.ask("GET", "/v1/agents/17/versions?limit=2");
    CHECK(has(page, R"("version":3)"));
    CHECK_FALSE(has(page, R"("version":1)"));
    const auto rest = server.ask("GET", "/v1/agents/17/versions?limit=2&cursor=" + member(page, "next"));
    CHECK(has(rest, R"("version":1)"));
    CHECK(has(server.ask("GET", "/v1/agents/17/versions/2"), R"("model":"n")"));
    CHECK(server.ask("GET", "/v1/agents/17/versions/9").status == 404);
}

TEST_CASE("a name is changed at once, alone or with the draft, on what was read") {
    Server server;
    const auto made = add(server, R"({"name":"Ventas","template":"sales","publish":true})");
    const auto renamed = based(server, "PATCH", "/v1/agents/17", made, R"({"name":"Ana"})");
    CHECK(renamed.status == 200);
    CHECK(has(renamed, R"("name":"Ana")"));
    CHECK_FALSE(has(renamed, R"("draft":{)"));
    CHECK(based(server, "PATCH", "/v1/agents/17", made, R"({"name":"Eva"})").status == 412);
    const auto both = based(server, "PATCH", "/v1/agents/17", renamed, R"({"name":"Eva","model":"n"})");
    CHECK(has(both, R"("name":"Eva")"));
    CHECK(has(both, R"("draft":{)"));
    CHECK(server.requests.rows.agency.agents.at({TenantId{1}, AgentId{17}}).draft->name == "Eva");
    CHECK(based(server, "PATCH", "/v1/agents/17", both, R"({"name":""})").status == 422);
    server.requests.rows.agency.refusal = Error{Fault::permanent, "agent.taken", "why"};
    const auto taken = based(server, "PATCH", "/v1/agents/17", both, R"({"name":"Otra"})");
    CHECK(taken.status == 409);
    server.requests.rows.agency.refusal.reset();
    const auto misplaced = add(server, R"({"name":"Sol","settings":{"name":"Luz"}})");
    CHECK(misplaced.status == 422);
    CHECK(member(misplaced, "pointer") == "#/settings/name");
}

TEST_CASE("an agent that is published is made the default, a draft is not") {
    Server server;
    const auto draft = add(server, R"({"name":"Borrador"})");
    const auto refused = based(server, "POST", "/v1/agents/17/default", draft);
    CHECK(refused.status == 409);
    CHECK(member(refused, "code") == "agent.not_published");
    const auto made = add(server, R"({"name":"Ventas","publish":true})");
    CHECK(has(made, R"("default":false)"));
    CHECK(has(based(server, "POST", "/v1/agents/18/default", made), R"("default":true)"));
    CHECK(based(server, "POST", "/v1/agents/18/default", made).status == 412);
}

TEST_CASE("another shop's agent is one that nobody has") {
    Server server;
    REQUIRE(add(server, R"({"name":"Ventas"})", "other").status == 201);
    const auto foreign = server.ask("GET", "/v1/agents/17");
    CHECK(foreign.status == 404);
    CHECK(has(foreign, "Agent 17 not found or access denied"));
    const HttpHeaders any{{"If-Match", "\"00\""}};
    CHECK(server.ask("PATCH", "/v1/agents/17", "admin", R"({"model":"n"})", any).status == 404);
    CHECK(server.ask("POST", "/v1/agents/17/publish", "admin", "", any).status == 404);
    CHECK(server.ask("POST", "/v1/agents/17/default", "admin", "", any).status == 404);
    CHECK(server.ask("POST", "/v1/agents/17/rollback", "admin", R"({"version":1})", any).status == 404);
    CHECK(server.ask("GET", "/v1/agents/17/versions").status == 404);
    CHECK(server.ask("GET", "/v1/agents/17/versions/1").status == 404);
    CHECK(server.ask("DELETE", "/v1/agents/17").status == 404);
    CHECK(server.ask("GET", "/v1/agents").body == R"({"items":[]})");
    CHECK(server.requests.rows.agency.agents.size() == 1);
}

TEST_CASE("what the store refuses of an agent has an answer of its own") {
    Server server;
    const auto made = add(server, R"({"name":"Ventas"})");
    const auto refuse = [&](Fault fault, const char* code) {
        server.requests.rows.agency.refusal = Error{fault, code, "why"};
    };
    refuse(Fault::permanent, "agent.taken");
    CHECK(add(server, R"({"name":"Ventas"})").status == 409);
    refuse(Fault::permanent, "agent.channel_taken");
    CHECK(member(based(server, "POST", "/v1/agents/17/publish", made), "code") == "agent.channel_taken");
    refuse(Fault::transient, "agent.changed");
    CHECK(based(server, "POST", "/v1/agents/17/publish", made).status == 412);
    refuse(Fault::permanent, "agent.in_use");
    CHECK(server.ask("DELETE", "/v1/agents/17").status == 409);
    server.requests.rows.agency.refusal.reset();
    CHECK(server.ask("DELETE", "/v1/agents/17").status == 204);
    CHECK(server.ask("GET", "/v1/agents/17").status == 404);
}

TEST_CASE("a shop's dictionary is stated as a whole, on what was read") {
    Server server;
    const auto none = server.ask("GET", "/v1/synonyms");
    CHECK(none.body == R"({"items":[]})");
    const std::string words = R"({"items":[{"said":"zapatillas","meant":["puntas","medias puntas"]}]})";
    CHECK(server.ask("PUT", "/v1/synonyms", "admin", words).status == 428);
    CHECK(based(server, "PUT", "/v1/synonyms", none, words).body == words);
    CHECK(server.ask("GET", "/v1/synonyms").body == words);
    CHECK(based(server, "PUT", "/v1/synonyms", none, words).status == 412);
    CHECK(server.ask("GET", "/v1/synonyms", "other").body == none.body);
    const auto twice = based(server, "PUT", "/v1/synonyms", server.ask("GET", "/v1/synonyms"),
                             R"({"items":[{"said":"a","meant":["b"]},{"said":"a","meant":["c"]}]})");
    CHECK(twice.status == 422);
    CHECK(member(twice, "pointer") == "#/items/1/said");
}
