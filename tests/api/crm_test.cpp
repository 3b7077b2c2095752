// Companies, divisions, contacts and opportunities: what the API does with them, whatever keeps them.

#include <doctest/doctest.h>

#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Outcome = CrmStore::Outcome;

struct Sample {
    CrmKind kind;
    std::string body;    // that makes one
    std::string change;  // that changes it
    std::string shown;   // what it shows then
};

const std::string someone = nth<CrmId>(5).to_string();

const std::vector<Sample> samples{
    {CrmKind::company, R"({"name":"Lab","fiscal_id":"30-1"})", R"({"name":"Lab Sur"})",
     R"("name":"Lab Sur")"},
    {CrmKind::division, R"({"name":"Compras","company":")" + someone + R"("})", R"({"crm_division_id":"d7"})",
     R"("crm_division_id":"d7")"},
    {CrmKind::contact, R"({"name":"Eva","email":"eva@example.com"})", R"({"phone":"+54 11"})",
     R"("phone":"+54 11")"},
    {CrmKind::opportunity,
     R"({"title":"Puntas","contact":")" + someone + R"(","amount":{"minor_units":129900,"currency":"ARS"}})",
     R"({"stage":"won"})", R"("stage":"won")"},
};

std::string path_of(CrmKind kind) {
    return "/v1/" + std::string(plural_of(kind));
}

}  // namespace

TEST_CASE("each of them is added, read, changed and taken out of the lists, and noted with who did it") {
    for (const auto& sample : samples) {
        CAPTURE(sample.body);
        Server server;
        const auto made = server.ask("POST", path_of(sample.kind), "admin", sample.body);
        REQUIRE(made.status == 201);
        const std::string path = header(made, "Location");
        CHECK(path == path_of(sample.kind) + "/" + member(made, "id"));
        CHECK(server.ask("GET", path).body == made.body);
        CHECK(server.ask("GET", path_of(sample.kind)).body.find(made.body) != std::string::npos);
        const auto changed =
            server.ask("PATCH", path, "admin", sample.change, {{"If-Match", header(made, "ETag")}});
        CHECK(changed.status == 200);
        CHECK(changed.body.find(sample.shown) != std::string::npos);
        CHECK(header(changed, "ETag") != header(made, "ETag"));
        CHECK(
            server.ask("PATCH", path, "admin", sample.change, {{"If-Match", header(made, "ETag")}}).status ==
            412);
        CHECK(server.ask("PATCH", path, "admin", sample.change).status == 428);
        CHECK(server.ask("DELETE", path).status == 204);
        CHECK(server.ask("GET", path).status == 404);
        CHECK(server.ask("DELETE", path).status == 404);
        CHECK(server.ask("GET", path_of(sample.kind)).body == R"({"items":[]})");
        REQUIRE(server.requests.rows.actors.size() == 3);
        for (const auto& actor : server.requests.rows.actors) CHECK(actor.id == nth<UserId>(1).to_string());
    }
}

TEST_CASE("one that is added again under its key is the same one") {
    for (const auto& sample : samples) {
        CAPTURE(sample.body);
        Server server;
        const auto send = [&] {
            return server.ask("POST", path_of(sample.kind), "admin", sample.body,
                              {{"Idempotency-Key", "k1"}});
        };
        const auto first = send();
        const auto again = send();
        CHECK(first.status == 201);
        CHECK(again.body == first.body);
        CHECK(header(again, "Idempotency-Replayed") == "true");
        CHECK(server.requests.rows.changes == 1);
    }
}

TEST_CASE("a CRM finds them by its own ids, and by what they belong to") {
    Server server;
    for (const auto* name : {"c1", "c2"}) {
        const std::string body = std::string(R"({"name":"Lab","crm_company_id":")") + name + R"("})";
        REQUIRE(server.ask("POST", "/v1/companies", "admin", body).status == 201);
    }
    const auto one = server.ask("GET", "/v1/companies?crm_company_id=c2");
    CHECK(one.body.find("\"c2\"") != std::string::npos);
    CHECK(one.body.find("\"c1\"") == std::string::npos);
    REQUIRE(server.ask("POST", "/v1/opportunities", "admin", samples[3].body).status == 201);
    const auto count = [&](const std::string& query) {
        const auto answer = server.ask("GET", "/v1/opportunities?" + query);
        REQUIRE(answer.status == 200);
        return answer.body != R"({"items":[]})";
    };
    CHECK(count("contact=" + someone));
    CHECK(count("contact=" + someone + "&stage=new&limit=5"));
    CHECK_FALSE(count("stage=won"));
    CHECK_FALSE(count("company=" + someone));
    CHECK(server.ask("GET", "/v1/opportunities?contact=eva").status == 400);
    CHECK(server.ask("GET", "/v1/opportunities?crm_contact_id=x").status == 400);
}

TEST_CASE("null takes a member away, and what is left out stays") {
    Server server;
    const auto made = server.ask("POST", "/v1/contacts", "admin",
                                 R"({"name":"Eva","email":"eva@example.com","phone":"11"})");
    const auto changed = server.ask("PATCH", header(made, "Location"), "admin", R"({"email":null})",
                                    {{"If-Match", header(made, "ETag")}});
    CHECK(member(changed, "email") == "");
    CHECK(member(changed, "phone") == "11");
    for (const auto* body : {R"({"name":null})", R"({"email":"nobody"})", R"({"division":"x"})", "{}",
                             R"({"company":"x"})", R"({"id":"x"})", R"({"deleted_at":null})"}) {
        CAPTURE(body);
        CHECK(server.ask("PATCH", header(made, "Location"), "admin", body, {{"If-Match", "\"00\""}}).status ==
              422);
    }
}

TEST_CASE("an amount is whole units of a currency, or none at all") {
    Server server;
    const auto with = [&](const std::string& amount) {
        return server
            .ask("POST", "/v1/opportunities", "admin",
                 R"({"title":"x","contact":")" + someone + R"(","amount":)" + amount + "}")
            .status;
    };
    CHECK(with(R"({"minor_units":9007199254740991,"currency":"BRL"})") == 201);
    for (const auto* amount :
         {R"({"minor_units":12.5,"currency":"BRL"})", R"({"minor_units":-1,"currency":"BRL"})",
          R"({"minor_units":1})", R"({"minor_units":1,"currency":"reais"})", "12", "null"}) {
        CAPTURE(amount);
        CHECK(with(amount) == 422);
    }
    CHECK(server.ask("POST", "/v1/opportunities", "admin", R"({"title":"nobody's"})").status == 422);
}

TEST_CASE("what cannot be stored is stored as what can") {
    Server server;
    const auto made = server.ask("POST", "/v1/companies", "admin", R"({"name":"a\u0000b"})");
    CHECK(made.status == 201);
    CHECK(made.body.find("\xEF\xBF\xBD") != std::string::npos);
}

TEST_CASE("what the store refuses of them says what to do about it") {
    struct Refusal {
        Outcome outcome;
        int status;
        std::string where;
    };
    const std::vector<Refusal> refusals{
        {Outcome::taken, 409, ""},
        {Outcome::in_use, 409, ""},
        {Outcome::not_found, 404, ""},
        {Outcome::no_company, 404, "#/company"},
        {Outcome::no_division, 404, "#/division"},
        {Outcome::no_contact, 404, "#/contact"},
        {Outcome::no_product, 404, "#/recommendations"},
        {Outcome::same_product, 422, "#/recommendations"},
        {Outcome::nobody, 422, "#/contact"},
    };
    for (const auto& refusal : refusals) {
        CAPTURE(refusal.status);
        Server server;
        server.requests.rows.refuse_crm = refusal.outcome;
        const auto answer = server.ask("POST", "/v1/opportunities", "admin", samples[3].body);
        CHECK(answer.status == refusal.status);
        CHECK(member(answer, "pointer") == refusal.where);
        CHECK(server.requests.rows.changes == 0);
    }
    Server server;
    server.requests.rows.refuse_crm = Outcome::in_use;
    const auto kept = server.ask("DELETE", "/v1/companies/" + someone);
    CHECK(member(kept, "code") == "api.in_use");
}

TEST_CASE("another shop's are answered as ones that nobody has") {
    for (const auto& sample : samples) {
        CAPTURE(sample.body);
        Server server;
        const auto theirs = server.ask("POST", path_of(sample.kind), "other", sample.body);
        REQUIRE(theirs.status == 201);
        const std::string path = header(theirs, "Location");
        const std::string nobodys = path_of(sample.kind) + "/" + nth<CrmId>(77).to_string();
        for (const auto* method : {"GET", "PATCH", "DELETE"}) {
            CAPTURE(method);
            const std::string body = method == std::string("PATCH") ? sample.change : "";
            const auto foreign = server.ask(method, path, "admin", body, {{"If-Match", "\"00\""}});
            const auto unknown = server.ask(method, nobodys, "admin", body, {{"If-Match", "\"00\""}});
            CHECK(foreign.status == 404);
            CHECK(member(foreign, "code") == member(unknown, "code"));
        }
        CHECK(server.ask("GET", path_of(sample.kind)).body == R"({"items":[]})");
        CHECK(server.ask("GET", path, "other").body == theirs.body);
    }
}
