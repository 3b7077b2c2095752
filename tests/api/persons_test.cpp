// A customer's rights by the API: everything handed out, or erased.

#include <doctest/doctest.h>

#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

const auto ana = nth<CrmId>(5);
const auto theirs = nth<CrmId>(6);  // of the other shop

std::string path(CrmId contact, const std::string& what) {
    return "/v1/contacts/" + contact.to_string() + "/" + what;
}

struct Rights : Server {
    Rights() {
        auto& rows = requests.rows.persons.rows;
        rows[{{1}, ana}] = {R"({"text":"hola"})", R"({"text":"chau"})", R"({"text":"ya"})"};
        rows[{{2}, theirs}] = {R"({"text":"CANARY"})"};
        erasure.contacts[{{1}, ana}] = false;
        erasure.contacts[{{2}, theirs}] = false;
        const auto with = [this](const std::string& token, const std::string& right) {
            const std::array<std::string, 1> names{right};
            identity.callers.emplace(
                token, Principal::user({1}, nth<UserId>(7), token, Permissions::parse(names).value()));
        };
        with("reader", "conversations.read");
        with("writer", "conversations.write");
        with("eraser", "conversations.erase");
    }
};

}  // namespace

TEST_CASE("an export comes in pages, each row once, and every page is noted") {
    Rights server;
    const auto first = server.ask("GET", path(ana, "export") + "?limit=2");
    REQUIRE(first.status == 200);
    CHECK(first.body.find(R"("items":[{"table":"messages","row":{"text":"hola"}},{"table":"messages","row":)"
                          R"({"text":"chau"}}])") != std::string::npos);
    CHECK(member(first, "log_subject") == "contact:drawn");
    const auto second = server.ask("GET", path(ana, "export") + "?limit=2&cursor=" + member(first, "next"));
    CHECK(second.body ==
          R"({"items":[{"table":"messages","row":{"text":"ya"}}],"log_subject":"contact:drawn"})");
    REQUIRE(server.requests.rows.persons.actors.size() == 2);
    CHECK(server.requests.rows.persons.actors.front().id == nth<UserId>(1).to_string());
    // good for nobody else's rows
    server.requests.rows.persons.rows[{{1}, theirs}] = {"{}"};
    CHECK(server.ask("GET", path(theirs, "export") + "?limit=2&cursor=" + member(first, "next")).status ==
          400);
}

TEST_CASE("an erasure says what went, and says so again") {
    Rights server;
    const auto erased = server.ask("POST", path(ana, "erasure"));
    CHECK(erased.status == 200);
    CHECK(erased.body == R"({"erasure":"00000000-0000-4000-8000-0000000000ee",)"
                         R"("erased_at":"2026-05-28T20:26:40.000Z","rows":{"messages":3}})");
    CHECK(server.ask("POST", path(ana, "erasure")).body == erased.body);
    REQUIRE(server.erasure.actors.size() == 1);
    CHECK(server.erasure.actors.front().kind == "user");
    CHECK(server.erasure.actors.front().trace == header(erased, "X-Request-Id"));
}

TEST_CASE("only who may erase hands out or erases, and the operator does neither") {
    Rights server;
    for (const auto* token : {"reader", "writer", "nobody"}) {
        CAPTURE(token);
        CHECK(server.ask("GET", path(ana, "export"), token).status == 403);
        CHECK(server.ask("POST", path(ana, "erasure"), token).status == 403);
    }
    const HttpHeaders shop{{"X-Tenant-Id", "1"}};
    CHECK(server.ask("GET", path(ana, "export"), "operator", {}, shop).status == 403);
    CHECK(server.ask("POST", path(ana, "erasure"), "operator", {}, shop).status == 403);
    CHECK(server.erasure.actors.empty());
    CHECK(server.ask("GET", path(ana, "export"), "eraser").status == 200);
    CHECK(server.ask("POST", path(ana, "erasure"), "eraser").status == 200);
}

TEST_CASE("another shop's contact is answered as one that nobody has") {
    Rights server;
    for (const auto& contact : {theirs, nth<CrmId>(77)}) {
        const auto handed = server.ask("GET", path(contact, "export"));
        CHECK(handed.status == 404);
        CHECK(member(handed, "code") == "api.not_found");
        CHECK(handed.body.find("CANARY") == std::string::npos);
        CHECK(server.ask("POST", path(contact, "erasure")).status == 404);
    }
    CHECK(server.erasure.actors.empty());
}

TEST_CASE("a number that a company's people share is nobody's own, and the answer says what to do") {
    Rights server;
    server.erasure.refusal = too_many_contacts();
    server.requests.rows.persons.refusal = too_many_contacts();
    const auto refused = server.ask("POST", path(ana, "erasure"));
    CHECK(refused.status == 409);
    CHECK(member(refused, "code") == "person.shared");
    CHECK(refused.body.find("more than 10 contacts") != std::string::npos);
    CHECK(server.ask("GET", path(ana, "export")).status == 409);
}

TEST_CASE("while the log is away nobody is erased, and the caller tries again") {
    Rights server;
    server.erasure.broken = Failure({Fault::transient, "kafka.unavailable", "10.0.0.1 is away"});
    const auto refused = server.ask("POST", path(ana, "erasure"));
    CHECK(refused.status == 503);
    CHECK(refused.body.find("10.0.0.1") == std::string::npos);
}
