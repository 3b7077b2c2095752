// Requests that come again, and changes that are based on what was read.

#include <doctest/doctest.h>

#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

const std::string user = R"({"email":"eva@example.com","roles":["viewer"]})";

HttpResponse add(Server& server, const std::string& key, const std::string& body = user,
                 const std::string& token = "admin") {
    return server.ask("POST", "/v1/users", token, body, {{"Idempotency-Key", key}});
}

}  // namespace

TEST_CASE("a request that comes again makes nothing and is answered as before") {
    Server server;
    const auto first = add(server, "k1");
    const auto again = add(server, "k1");
    CHECK(first.status == 201);
    CHECK(again.status == 201);
    CHECK(again.body == first.body);
    CHECK(header(again, "Location") == header(first, "Location"));
    CHECK(header(first, "Idempotency-Replayed") == "");
    CHECK(header(again, "Idempotency-Replayed") == "true");
    CHECK(server.requests.rows.changes == 1);
}

TEST_CASE("a key that stands for another request is refused") {
    Server server;
    CHECK(add(server, "k1").status == 201);
    const auto other = add(server, "k1", R"({"email":"pia@example.com","roles":["viewer"]})");
    CHECK(other.status == 422);
    CHECK(member(other, "code") == "api.other_request");
    CHECK(server.requests.rows.changes == 1);
}

TEST_CASE("a request that is being done right now is not done twice") {
    Server server;
    server.requests.rows.in_flight = true;
    const auto answer = add(server, "k1");
    CHECK(answer.status == 409);
    CHECK(member(answer, "code") == "api.in_flight");
    CHECK(header(answer, "Retry-After") == "1");
}

TEST_CASE("a key belongs to who sent it") {
    Server server;
    CHECK(add(server, "k1").status == 201);
    const auto other = add(server, "k1", user, "other");
    CHECK(other.status == 201);
    CHECK(header(other, "Idempotency-Replayed") == "");
    CHECK(add(server, "k1", R"({"email":"pia@example.com","roles":["viewer"]})", "key").status == 201);
    CHECK(server.requests.rows.changes == 3);
}

TEST_CASE("without a key, each request makes something") {
    Server server;
    CHECK(server.ask("POST", "/v1/users", "admin", user).status == 201);
    CHECK(server.ask("POST", "/v1/users", "admin", user).status == 409);
}

TEST_CASE("the secret of an API key is shown once, even if the request comes again") {
    Server server;
    const auto make = [&] {
        return server.ask("POST", "/v1/api-keys", "admin", R"({"name":"crm","scopes":["users.read"]})",
                          {{"Idempotency-Key", "k1"}});
    };
    const auto first = make();
    const auto again = make();
    CHECK(first.status == 201);
    CHECK(member(first, "secret").starts_with("rlv_key_"));
    CHECK(member(first, "secret").ends_with(member(first, "last4")));
    CHECK(again.status == 201);
    CHECK(member(again, "id") == member(first, "id"));
    CHECK(member(again, "last4") == member(first, "last4"));
    CHECK(member(again, "secret") == "");
}

TEST_CASE("a change says what it is based on") {
    Server server;
    const std::string path = "/v1/users/" + nth<UserId>(1).to_string();
    const std::string body = R"({"name":"Ana Lía"})";
    const auto read = server.ask("GET", path);
    const std::string etag = header(read, "ETag");
    CHECK(server.ask("PATCH", path, "admin", body).status == 428);
    CHECK(server.ask("PATCH", path, "admin", body, {{"If-Match", "\"00\""}}).status == 412);
    CHECK(server.ask("PATCH", path, "admin", body, {{"If-Match", "00"}}).status == 400);
    const auto changed = server.ask("PATCH", path, "admin", body, {{"If-Match", etag}});
    CHECK(changed.status == 200);
    CHECK(changed.body.find("Ana Lía") != std::string::npos);
    CHECK(header(changed, "ETag") != etag);
    CHECK(header(changed, "ETag") == header(server.ask("GET", path), "ETag"));
    CHECK(server.ask("PATCH", path, "admin", body, {{"If-Match", etag}}).status == 412);
    CHECK(server.requests.rows.changes == 1);
}

TEST_CASE("a role is made where there is none, and changed where it was read") {
    Server server;
    const std::string path = "/v1/roles/night";
    const std::string body = R"({"permissions":["users.read"]})";
    CHECK(server.ask("PUT", path, "admin", body).status == 428);
    CHECK(server.ask("PUT", path, "admin", body, {{"If-Match", "\"00\""}}).status == 404);
    const auto made = server.ask("PUT", path, "admin", body, {{"If-None-Match", "*"}});
    CHECK(made.status == 200);
    CHECK(server.ask("PUT", path, "admin", body, {{"If-None-Match", "*"}}).status == 412);
    const auto changed =
        server.ask("PUT", path, "admin", R"({"permissions":[]})", {{"If-Match", header(made, "ETag")}});
    CHECK(changed.status == 200);
    CHECK(server.ask("PUT", path, "admin", body, {{"If-Match", header(made, "ETag")}}).status == 412);
    CHECK(server.ask("DELETE", path).status == 204);
    CHECK(server.ask("DELETE", path).status == 404);
}

TEST_CASE("a built-in role is neither changed nor deleted, whatever the request is based on") {
    Server server;
    const std::string path = "/v1/roles/admin";
    const auto read = server.ask("GET", path);
    REQUIRE(read.status == 200);
    const auto change = [&](HttpHeaders headers) {
        return server.ask("PUT", path, "admin", R"({"permissions":["users.read"]})", std::move(headers));
    };
    for (const auto& answer : {change({}), change({{"If-None-Match", "*"}}), change({{"If-Match", "\"00\""}}),
                               change({{"If-Match", header(read, "ETag")}}), server.ask("DELETE", path)}) {
        CHECK(answer.status == 409);
        CHECK(member(answer, "code") == "api.built_in");
        CHECK(member(answer, "detail").starts_with("the role admin is built in: "));
    }
    CHECK(server.requests.rows.changes == 0);
    CHECK(server.ask("GET", path).body == read.body);
}

TEST_CASE("what was refused may be tried again with its key, once its cause is mended") {
    Server server;
    REQUIRE(add(server, "k1").status == 201);
    CHECK(add(server, "k2").status == 409);
    CHECK(add(server, "k2").status == 409);  // nothing is mended yet
    // the key stands for that request all the same
    const auto other = add(server, "k2", R"({"email":"pia@example.com","roles":["viewer"]})");
    CHECK(member(other, "code") == "api.other_request");
    std::erase_if(server.requests.rows.users,
                  [](const auto& row) { return row.second.email == "eva@example.com"; });
    const auto made = add(server, "k2");
    CHECK(made.status == 201);
    CHECK(header(made, "Idempotency-Replayed") == "");
    const auto again = add(server, "k2");
    CHECK(again.body == made.body);
    CHECK(header(again, "Idempotency-Replayed") == "true");
}
