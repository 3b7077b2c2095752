// The routes of schemas/openapi.yaml: which caller may ask for what, all of them; and another shop's ids,
// names and cursors in paths, queries, headers and bodies.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <regex>
#include <set>

#include "domain/crm.hpp"
#include "tests/isolation/real_api.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Texts = std::vector<std::string>;

// What belongs to a shop, by the name of the parameter that may hold it; "" is for all others.
struct Pool {
    TenantId tenant;
    int first;
    std::string word;
    std::string number;
    std::string agent;

    Texts values(const std::string& name) const {
        const auto id = [](auto value) { return value.to_string(); };
        if (name == "tenant" || name == "X-Tenant-Id") return {tenant.to_string()};
        if (name == "user") return {id(nth<UserId>(first)), id(nth<UserId>(first + 1))};
        if (name == "session") return {id(nth<SessionId>(first))};
        if (name == "key") return {id(nth<ApiKeyId>(first))};
        if (name == "agent") return {agent};
        if (name == "version") return {"1"};
        if (name == "account") return {id(account_id("whatsapp", number))};
        if (name == "contact") return {id(contact())};
        if (name == "conversation")
            return {id(conversation_id(tenant, contact(), account_id("whatsapp", number)))};
        if (name == "scope") return {agent, "shop"};
        if (name == "period") return {"month", "day"};
        if (name == "by") return {"turn", "conversation", "agent", "model", "shop"};
        if (name == "since") return {"2026-01-01T00:00:00.000Z"};
        if (name == "standing") return {"agent", "human"};
        if (name == "channel") return {"whatsapp"};
        if (name == "connection") return {id(nth<MetaConnectionId>(first))};
        if (name == "company" || name == "division" || name == "contact" || name == "opportunity")
            return {id(nth<CrmId>(first))};
        if (name.starts_with("crm_")) return {word + "-crm"};
        if (name == "stage") return {word + "-stage"};
        if (name == "role") return {word + "-role", "admin"};
        if (name == "category") return {word + "-category", "whatsapp_cloud"};
        if (name == "name") return {word + "-secret", "ACCESS_TOKEN"};
        if (name == "subject") return {"user:" + id(nth<UserId>(first)), "shop:" + tenant.to_string()};
        if (name == "actor") return {"op", id(nth<UserId>(first))};
        return {};
    }
    // Who wrote to the shop first.
    ContactId contact() const { return contact_id(tenant, "wa_id", number + "551"); }
};

// Bodies of the operations that take one; {} is where something of a shop's stands.
const std::map<std::string, Texts, std::less<>>& bodies() {
    static const std::map<std::string, Texts, std::less<>> all{
        {"sign_in", {R"({"email":"{word}-admin@example.com","password":"correcto caballo"})"}},
        {"redeem_ticket", {R"({"ticket":"ticket {word}-admin@example.com","password":"correcto caballo"})"}},
        {"add_tenant", {R"({"slug":"{word}-shop","name":"x"})"}},
        {"change_tenant",
         {R"({"name":"taken over"})", R"({"time_zone":"America/Santiago","redact":[],"keep_days":30})"}},
        {"add_user",
         {R"({"email":"{word}-admin@example.com","roles":["{word}-role"]})",
          R"({"email":"{drawn}@example.com","roles":["viewer"]})"}},
        {"change_user",
         {R"({"active":false})", R"({"email":"{word}-viewer@example.com"})", R"({"roles":["{word}-role"]})"}},
        {"put_role", {R"({"permissions":["users.read"]})", R"({"permissions":[]})"}},
        {"add_api_key", {R"({"name":"x","scopes":["users.read"]})"}},
        {"put_credential", {R"({"value":"replaced-by-a-stranger"})"}},
        {"begin_meta_connection", {R"({"kind":"facebook"})"}},
        {"redeem_meta_code", {R"({"state":"{word}","code":"c"})"}},
        {"put_conversation_standing", {R"({"standing":"human"})", R"({"standing":"agent"})"}},
        {"put_budget", {R"({"currency":"USD","hard_micros":1})"}},
        {"put_prices", {R"({"currency":"USD","items":[]})"}},
        {"add_agent",
         {R"({"name":"{drawn}","publish":true})",
          R"({"name":"{drawn}","settings":{"channels":["whatsapp"]}})"}},
        {"change_agent", {R"({"prompt":"taken over"})", R"({"name":"{drawn}"})"}},
        {"roll_back_agent", {R"({"version":1})"}},
        {"put_synonyms", {R"({"items":[{"said":"a","meant":["b"]}]})"}},
        {"add_account",
         {R"({"channel":"whatsapp","external_id":"{number}","token":"t","app_secret":"s"})",
          R"({"channel":"web"})"}},
        {"change_account", {R"({"agent":{agent}})", R"({"name":"taken over","agent":null})"}},
        {"claim_meta_account", {R"({"channel":"whatsapp","external_id":"3003"})"}},
        {"add_company", {R"({"name":"x","crm_company_id":"{drawn}"})", R"({"name":"{drawn}"})"}},
        {"change_company", {R"({"name":"taken over"})", R"({"crm_company_id":"{drawn}"})"}},
        {"add_division", {R"({"company":"{id}","name":"x","crm_division_id":"{drawn}"})"}},
        {"change_division", {R"({"company":"{id}"})", R"({"crm_division_id":"{drawn}"})"}},
        {"add_contact", {R"({"name":"x","division":"{id}"})", R"({"name":"x","crm_contact_id":"{drawn}"})"}},
        {"change_contact", {R"({"division":"{id}"})", R"({"name":"taken over","email":"a@example.com"})"}},
        {"add_opportunity",
         {R"({"title":"x","contact":"{id}"})",
          R"({"title":"x","company":"{id}","recommendations":[{"sku":"{word}-sku","justification":"x"}]})"}},
        {"change_opportunity",
         {R"({"contact":"{id}"})", R"({"stage":"won","crm_opportunity_id":"{drawn}"})",
          R"({"recommendations":[{"sku":"{word}-sku","justification":"x"}]})"}},
    };
    return all;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    for (auto place = text.find(what); place != std::string::npos; place = text.find(what, place + by.size()))
        text.replace(place, what.size(), by);
    return text;
}

std::string of(const HttpResponse& answer, std::string_view name) {
    for (const auto& [key, value] : answer.headers) {
        if (key == name) return value;
    }
    return {};
}

std::string code_of(const HttpResponse& answer) {
    std::smatch code;
    return std::regex_search(answer.body, code, std::regex("\"code\":\"([^\"]+)\"")) ? code[1].str() : "";
}

std::string agent_of(const RealApi& api, TenantId tenant) {
    return api.test.query("SELECT min(id) FROM agents WHERE tenant_id = " + tenant.to_string());
}

/// Requests that a seed makes: nearly right, with what belongs to one shop or the other.
class Requests {
  public:
    Requests(const RealApi& api, std::uint64_t seed)
        : random_(seed),
          pools_{{api.victim, 10, "canary", "3003", agent_of(api, api.victim)},
                 {api.attacker, 20, "mine", "1001", agent_of(api, api.attacker)}} {}

    HttpRequest make(const ApiOperation& operation, const std::string& caller) {
        HttpRequest request;
        request.method = operation.method;
        request.path = operation.path;
        request.peer = "192.0.2.1";
        std::string query;
        for (const auto& parameter : operation.parameters) {
            if (parameter.in == ApiParameter::In::path) {
                request.path = replaced(request.path, "{" + parameter.name + "}", value(parameter.name));
            } else if (parameter.in == ApiParameter::In::header) {
                add_header(request, parameter.name);
            } else if (parameter.required || random_.below(3) == 0) {
                const std::string stated = value(parameter.name);
                if (!stated.empty()) query += (query.empty() ? "?" : "&") + parameter.name + "=" + stated;
            }
        }
        request.target = request.path + query;
        if (!caller.empty()) request.headers.emplace_back("Authorization", "Bearer " + caller);
        if (operation.body) {
            request.headers.emplace_back("Content-Type", "application/json");
            const auto found = bodies().find(operation.id);
            if (found != bodies().end()) request.body = filled(pick(found->second));
        }
        return request;
    }
    const std::string& pick(const Texts& texts) { return texts[random_.below(texts.size())]; }
    std::uint64_t below(std::uint64_t most) { return random_.below(most); }

  private:
    // Of the other shop mostly.
    const Pool& pool() { return pools_[random_.below(4) == 0 ? 1 : 0]; }

    std::string value(const std::string& name) {
        if (name == "limit") return std::to_string(1 + random_.below(200));
        const auto values = pool().values(name);
        return values.empty() ? std::string() : pick(values);
    }
    void add_header(HttpRequest& request, const std::string& name) {
        if (name == "Idempotency-Key") {
            request.headers.emplace_back(name, "key-" + std::to_string(random_.below(50)));
        } else if (name == "If-Match") {
            request.headers.emplace_back(name, "\"00\"");
        } else if (name == "X-Tenant-Id" && random_.below(3) == 0) {
            request.headers.emplace_back(name, value(name));
        }
    }
    std::string filled(std::string body) {
        body = replaced(std::move(body), "{drawn}", random_.hex(8));
        body = replaced(std::move(body), "{number}", pool().number);
        body = replaced(std::move(body), "{agent}", pool().agent);
        body = replaced(std::move(body), "{id}", nth<CrmId>(pool().first).to_string());
        return replaced(std::move(body), "{word}", pool().word);
    }

    SeededRandom random_;
    Pool pools_[2];
};

// What of the victim the answer holds that the request did not.
std::string shown(const std::string& request, const std::string& answer) {
    static const std::regex words("canary[A-Za-z0-9-]*|00000000-0000-4000-8000-0000000000(10|11)");
    for (std::sregex_iterator it(answer.begin(), answer.end(), words), end; it != end; ++it) {
        if (request.find(it->str()) == std::string::npos) return it->str();
    }
    return {};
}

}  // namespace

TEST_CASE("every body that an operation takes has one here") {
    for (const auto& operation : project_document().operations()) {
        CAPTURE(operation.id);
        CHECK(operation.body.has_value() == bodies().contains(operation.id));
    }
}

TEST_CASE("each caller is served by each route as the document says, and by no other") {
    RealApi api;
    struct Caller {
        std::string token;
        std::optional<Principal::Kind> kind;
        Permissions may;
    };
    std::vector<Caller> callers{{"", std::nullopt, {}},
                                {"nothing", Principal::Kind::user, {}},
                                {"key", Principal::Kind::api_key, Permissions::all()},
                                {"empty key", Principal::Kind::api_key, {}},
                                {"operator", Principal::Kind::installation, Permissions::all()}};
    for (const auto& [name, permissions] : api.roles)
        callers.push_back({name, Principal::Kind::user, permissions});
    REQUIRE(callers.size() >= 9);
    const auto at_work = Principal::platform_operator("token", "x").within(api.attacker)->permissions();
    Requests requests(api, 1);
    int served = 0;
    int refused = 0;
    for (const auto& operation : project_document().operations()) {
        for (const auto& caller : callers) {
            CAPTURE(operation.id);
            CAPTURE(caller.token);
            HttpRequest request = requests.make(operation, caller.token);
            std::erase_if(request.headers, [](const auto& header) { return header.first == "X-Tenant-Id"; });
            const bool chooses = operation.parameter(ApiParameter::In::header, "X-Tenant-Id") != nullptr;
            const bool runs = caller.kind == Principal::Kind::installation;
            if (chooses && runs) request.headers.emplace_back("X-Tenant-Id", api.attacker.to_string());
            // of another shop there is nothing to have a right to
            if (operation.parameter(ApiParameter::In::path, "tenant")) {
                request.path = replaced(operation.path, "{tenant}", api.attacker.to_string());
                request.target = request.path;
            }
            const auto answer = api.ask(std::move(request));
            const std::string code = code_of(answer);
            const bool open = operation.callers.empty();
            const auto may = runs ? at_work : caller.may;
            if (!open && !caller.kind) {
                CHECK(answer.status == 401);
            } else if (!open && !operation.callers.contains(*caller.kind)) {
                CHECK(code == "api.wrong_caller");
            } else if (!open && operation.permission && !may.covers(*operation.permission)) {
                CHECK(code == "api.not_permitted");
            } else {
                CHECK(code != "api.wrong_caller");
                CHECK(code != "api.not_permitted");
                CHECK((open || answer.status != 401));
                ++served;
                continue;
            }
            ++refused;
        }
    }
    CHECK(served > 100);
    CHECK(refused > 100);
}

TEST_CASE("no route reads, writes or counts another shop's rows, whatever a request names") {
    RealApi api;
    const std::string before = api.digest();
    const int calls = swaps(2'000);
    Requests requests(api, 7);
    const auto& operations = project_document().operations();
    // whoever runs the installation sees all shops, and proves nothing here
    Texts callers{"", "nothing", "key", "empty key"};
    for (const auto& [name, permissions] : api.roles) callers.push_back(name);
    int done = 0;
    std::set<std::string> answered;
    std::string written;
    for (int n = 0; n < calls; ++n) {
        const auto& operation = operations[requests.below(operations.size())];
        HttpRequest request = requests.make(operation, requests.pick(callers));
        std::string sent = request.target + request.body;
        for (const auto& [name, value] : request.headers) sent += " " + value;
        CAPTURE(n);
        CAPTURE(operation.id);
        CAPTURE(sent);
        const std::string path = request.path;
        const auto answer = api.ask(std::move(request));
        const bool failed = answer.status >= 500 && answer.status != 503;
        REQUIRE_FALSE(failed);
        std::string got = answer.body + of(answer, "Location") + of(answer, "ETag");
        // the audit log tells everybody what they did themselves
        REQUIRE(shown(operation.path.starts_with("/v1/audit-log") ? sent + written : sent, got) == "");
        if (answer.status < 300) answered.insert(operation.id);
        // a name of the other's that they made their own they may read: it goes again
        if (operation.id == "put_credential" && answer.status < 300) {
            written += path;
            HttpRequest again;
            again.method = "DELETE";
            again.path = again.target = path;
            again.peer = "192.0.2.1";
            again.headers.emplace_back("Authorization", "Bearer admin");
            REQUIRE(api.ask(std::move(again)).status == 204);
        }
        if (++done % 100 == 0) REQUIRE(api.digest() == before);
    }
    CHECK(api.digest() == before);
    CHECK(answered.size() > 8);
}

TEST_CASE("another shop's id is answered as one that nobody has") {
    RealApi api;
    Requests requests(api, 3);
    for (const auto& operation : project_document().operations()) {
        if (operation.path.find('{') == std::string::npos || !operation.permission) continue;
        const Pool victim{api.victim, 10, "canary", "3003", agent_of(api, api.victim)};
        HttpRequest theirs = requests.make(operation, "admin");
        theirs.path = operation.path;
        HttpRequest nobodys = theirs;
        for (const auto& parameter : operation.parameters) {
            if (parameter.in != ApiParameter::In::path) continue;
            const std::string hole = "{" + parameter.name + "}";
            const std::string value = victim.values(parameter.name).front();
            const bool named = value.find("canary") != std::string::npos;
            const bool counted = value.find_first_not_of("0123456789") == std::string::npos;
            theirs.path = replaced(theirs.path, hole, value);
            nobodys.path = replaced(nobodys.path, hole,
                                    named     ? replaced(value, "canary", "nobody")
                                    : counted ? "999999"
                                              : nth<UserId>(77).to_string());
        }
        for (auto* request : {&theirs, &nobodys}) {
            request->target = request->path;
            std::erase_if(request->headers, [](const auto& header) {
                return header.first == "X-Tenant-Id" || header.first == "Idempotency-Key";
            });
        }
        CAPTURE(operation.id);
        const auto one = api.ask(std::move(theirs));
        const auto other = api.ask(std::move(nobodys));
        CHECK(one.status == other.status);
        CHECK(code_of(one) == code_of(other));
    }
}
