#include "api/document.hpp"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <set>

#include "tests/api/project_document.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using In = ApiParameter::In;

const std::string small = R"(openapi: 3.1.0
info: {title: t, version: "1"}
x-rates:
  caller: {burst: 3, per_second: 2}
  tenant: {burst: 4, per_second: 3}
  stranger: {burst: 1, per_second: 1}
  others: {burst: 5, per_minute: 6}
paths:
  /v1/things/{thing}:
    put:
      operationId: put_thing
      security: [{session: []}, {api_key: []}]
      x-permission: agents.write
      x-max-bytes: 100
      x-rate: others
      parameters:
        - {$ref: '#/components/parameters/Thing'}
        - {name: deep, in: query, schema: {type: boolean}}
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
      responses: {'200': {description: done}, '404': {description: none}}
components:
  parameters:
    Thing: {name: thing, in: path, required: true, schema: {type: integer}}
  schemas:
    Thing: {type: object, properties: {name: {$ref: '#/components/schemas/Name'}}}
    Name: {type: string}
    Circle: {type: object, properties: {inner: {$ref: '#/components/schemas/Circle'}}}
)";

std::string refusal(std::string from, const std::string& to) {
    std::string text = small;
    text.replace(text.find(from), from.size(), to);
    try {
        ApiDocument::parse(text, "small.yaml");
    } catch (const Failure& failure) {
        return failure.error().code + " " + failure.error().text;
    }
    return {};
}

// Where a pattern is not told in words, in what stands at `place`; a property may have the name.
void collect_wordless(const rapidjson::Value& value, const std::string& place,
                      std::vector<std::string>& into) {
    if (value.IsArray()) {
        for (const auto& item : value.GetArray()) collect_wordless(item, place + "/-", into);
    }
    if (!value.IsObject()) return;
    const auto pattern = value.FindMember("pattern");
    if (pattern != value.MemberEnd() && pattern->value.IsString()) {
        const auto form = value.FindMember("x-form");
        const bool told =
            form != value.MemberEnd() && form->value.IsString() && form->value.GetStringLength() > 0;
        if (!told) into.push_back(place);
    }
    for (const auto& [name, part] : value.GetObject())
        collect_wordless(part, place + "/" + name.GetString(), into);
}

}  // namespace

TEST_CASE("an operation is what the document says of it") {
    const auto document = ApiDocument::parse(small, "small.yaml");
    REQUIRE(document.operations().size() == 1);
    const auto& put = document.operations().front();
    CHECK(put.id == "put_thing");
    CHECK(put.method == "PUT");
    CHECK(put.path == "/v1/things/{thing}");
    CHECK(put.callers == std::set{Principal::Kind::user, Principal::Kind::api_key});
    CHECK(put.permission_name == "agents.write");
    CHECK_FALSE(put.of_installation);
    CHECK(put.max_body_bytes == 100);
    CHECK(put.statuses == std::set{200, 404});
    REQUIRE(put.parameter(In::path, "thing"));
    CHECK(put.parameter(In::path, "thing")->required);
    CHECK(put.parameter(In::query, "deep")->type == "boolean");
    CHECK_FALSE(put.parameter(In::header, "deep"));
    CHECK(put.body->judge(SentJson::parse(R"({"name":1})").value())->pointer == "#/name");
    CHECK(document.caller_rate().burst == 3);
    CHECK(document.caller_rate().every == std::chrono::microseconds(500'000));
    CHECK(put.rate_name == "others");
    CHECK(put.rate->burst == 5);
    CHECK(put.rate->every == std::chrono::microseconds(10'000'000));
    CHECK(refusal("x-rate: others", "x-rate: nobody").find("'nobody' is missing") != std::string::npos);
}

TEST_CASE("a document that asks for what would not be done is refused, with the place") {
    CHECK(refusal("3.1.0", "3.0.3").find("expected OpenAPI 3.1") != std::string::npos);
    CHECK(
        refusal("session: []", "cookie: []").find("/paths//v1/things/{thing}/put: no such security scheme") !=
        std::string::npos);
    CHECK(refusal("agents.write", "agents.fly").starts_with("api.bad_document"));
    CHECK(refusal("agents.write", "agents.write\n      x-installation: maybe").find("is true, or left out") !=
          std::string::npos);
    CHECK(refusal("in: query", "in: cookie").find("cookies are not read") != std::string::npos);
    CHECK(refusal("in: query", "in: path").find("the path and its parameters differ") != std::string::npos);
    CHECK(refusal("{type: boolean}", "{type: boolean, const: true}").find("'const'") != std::string::npos);
    CHECK(refusal("{type: boolean}", "{type: array}").find("unknown type") != std::string::npos);
    CHECK(refusal("#/components/schemas/Name", "#/components/schemas/Nobody").find("is not there") !=
          std::string::npos);
    CHECK(refusal("      security: [{session: []}, {api_key: []}]\n", "").find("'security' is missing") !=
          std::string::npos);
    CHECK(refusal("application/json", "text/plain").find("application/json") != std::string::npos);
    CHECK(refusal("    put:", "    trace:").find("no method that is served") != std::string::npos);
    CHECK(refusal("{'200': {description: done}, '404': {description: none}}", "{default: {}}")
              .find("by its status") != std::string::npos);
    CHECK(refusal("[{session: []}, {api_key: []}]", "{session: []}").find("expected a list") !=
          std::string::npos);
    CHECK(refusal("burst: 3", "burst: 0").find("above zero") != std::string::npos);
}

TEST_CASE("a schema that contains itself is refused instead of followed for ever") {
    const auto document = ApiDocument::parse(small, "small.yaml");
    CHECK_NOTHROW(document.shape("/components/schemas/Thing"));
    CHECK_THROWS_WITH_AS(document.shape("/components/schemas/Circle"), doctest::Contains("contains itself"),
                         Failure);
    CHECK_THROWS_WITH_AS(document.shape("/components/schemas/None"), doctest::Contains("is not there"),
                         Failure);
}

TEST_CASE("every operation of ours documents each way in which it can be refused") {
    for (const auto& operation : project_document().operations()) {
        CAPTURE(operation.id);
        std::set<int> can{400, 429, 503};
        if (!operation.callers.empty()) can.insert({401, 403});
        const bool named = operation.permission || operation.parameter(In::header, "X-Tenant-Id") ||
                           operation.path.find('{') != std::string::npos;
        if (named) can.insert(404);
        if (operation.body) can.insert({413, 415, 422});
        if (operation.parameter(In::header, "If-Match")) can.insert({412, 428});
        if (operation.parameter(In::header, "Idempotency-Key")) can.insert({409, 422});
        for (const int status : can) {
            if (operation.callers.empty() && status == 404) continue;
            CHECK_MESSAGE(operation.statuses.contains(status), status);
        }
    }
}

TEST_CASE("what is made takes an Idempotency-Key, and what is changed an If-Match") {
    // signing in makes a secret each time, and a ticket ends the one before
    const std::set<std::string> secrets{"sign_in", "redeem_ticket", "invite_user"};
    // a second beginning is one more page to sign in at; the code, the claim and an erasure go on where they
    // were
    const std::set<std::string> resumed{"begin_meta_connection", "redeem_meta_code", "claim_meta_account",
                                        "erase_contact"};
    // states all of it, whatever was there: a value that nobody can read is based on none, and a customer who
    // writes meanwhile is no reason to keep a human out
    const std::set<std::string> stated{"put_credential", "put_conversation_standing"};
    for (const auto& operation : project_document().operations()) {
        CAPTURE(operation.id);
        // what is done to something that is there is a change of it
        const bool made = operation.method == "POST" && !operation.parameter(In::header, "If-Match");
        if (made && !secrets.contains(operation.id) && !resumed.contains(operation.id))
            CHECK(operation.parameter(In::header, "Idempotency-Key"));
        const bool changes = operation.method == "PATCH" || operation.method == "PUT";
        if (changes && !stated.contains(operation.id)) CHECK(operation.parameter(In::header, "If-Match"));
    }
}

TEST_CASE("every pattern of ours is told in words, which a refusal says") {
    rapidjson::Document all;
    all.Parse(project_document().json().c_str());
    REQUIRE_FALSE(all.HasParseError());
    std::vector<std::string> wordless;
    collect_wordless(all, "", wordless);
    CHECK(wordless == std::vector<std::string>{});
    const auto slug = project_document().shape("/components/schemas/Slug");
    CHECK(slug.judge(SentJson::parse(R"("Danza Sur")").value())->text ==
          "must be lower case letters, digits and -, at most 63, the first a letter or a digit");
}

TEST_CASE("every operation but signing in and the document itself says whom it serves") {
    std::set<std::string> open;
    for (const auto& operation : project_document().operations()) {
        if (operation.callers.empty()) open.insert(operation.id);
        // within a shop nothing is done without a right
        const bool shops = operation.callers.contains(Principal::Kind::api_key) && operation.id != "read_me";
        if (shops) CHECK_MESSAGE(operation.permission.has_value(), operation.id);
        CHECK_FALSE((operation.permission && operation.callers.empty()));
    }
    CHECK(open ==
          std::set<std::string>{"read_document_json", "read_document_yaml", "redeem_ticket", "sign_in"});
}
