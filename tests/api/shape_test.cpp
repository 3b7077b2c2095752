#include "api/shape.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

std::string flaw(const std::string& schema, const std::string& json) {
    const auto found = Shape(schema, "place").judge(SentJson::parse(json).value());
    return found ? found->pointer + " " + found->text : "";
}

std::string refusal(const std::string& schema) {
    try {
        Shape shape(schema, "here");
    } catch (const Failure& failure) {
        return failure.error().text;
    }
    return {};
}

std::string unreadable(const std::string& json) {
    const auto sent = SentJson::parse(json);
    return sent ? "" : sent.error().code + ": " + sent.error().text;
}

const std::string user =
    R"({"type":"object","required":["email","roles"],"additionalProperties":false,"properties":{)"
    R"("email":{"type":"string","pattern":"^[^@ ]+@[^@ ]+$","x-form":"an address, as a@b","maxLength":20},)"
    R"("age":{"type":"integer","minimum":1,"maximum":200},"kind":{"enum":["a","b"]},)"
    R"("roles":{"type":"array","minItems":1,"maxItems":2,"uniqueItems":true,"items":{"type":"string"}}}})";

}  // namespace

TEST_CASE("what fits has no flaw") {
    CHECK(flaw(user, R"({"email":"ana@example.com","roles":["x"],"age":7,"kind":"b"})") == "");
}

TEST_CASE("a flaw says where it is and what to send instead") {
    CHECK(flaw(user, "[]") == R"(# must be of type "object")");
    CHECK(flaw(user, R"({"roles":["x"]})") == "# missing: email");
    CHECK(flaw(user, "{}") == "# missing: email, roles");
    CHECK(flaw(user, R"({"email":"no","roles":["x"]})") == "#/email must be an address, as a@b");
    CHECK(flaw(user, R"({"email":"long@aaaaaaaaaaaaaaaaaaaaaaaa","roles":["x"]})") ==
          "#/email may have at most 20 characters");
    CHECK(flaw(user, R"({"email":"a@b","roles":[]})") == "#/roles must have at least 1 items");
    CHECK(flaw(user, R"({"email":"a@b","roles":["x","x"]})") == "#/roles/1 is in the list twice");
    CHECK(flaw(user, R"({"email":"a@b","roles":["x",1]})") == R"(#/roles/1 must be of type "string")");
    CHECK(flaw(user, R"({"email":"a@b","roles":["x"],"age":0})") == "#/age must be at least 1");
    CHECK(flaw(user, R"({"email":"a@b","roles":["x"],"kind":"c"})") == R"(#/kind must be one of ["a","b"])");
    CHECK(flaw(user, R"({"email":"a@b","roles":["x"],"admin":true})") ==
          "#/admin there is no such member; known: email, age, kind, roles");
}

TEST_CASE("one of two members is asked for") {
    const std::string either =
        R"({"type":"object","oneOf":[{"required":["password"]},{"required":["token"]}]})";
    CHECK(flaw(either, R"({"token":"t"})") == "");
    CHECK(flaw(either, R"({"token":"t","password":"p"})").starts_with("# must fit exactly one of"));
    CHECK(flaw(either, "{}").starts_with("# must fit exactly one of"));
}

TEST_CASE("a schema that the validator would pass over in silence is refused") {
    CHECK(refusal(R"({"type":"string","maxLength":3})") == "");
    for (const auto* word : {"const", "$ref", "exclusiveMinimum", "if", "prefixItems", "contains", "nullable",
                             "dependentRequired", "unevaluatedProperties", "patternProperties"}) {
        CAPTURE(word);
        CHECK(refusal("{\"" + std::string(word) + "\":1}").find(word) != std::string::npos);
    }
    CHECK(refusal(R"({"properties":{"a":{"items":{"const":1}}}})") ==
          "here/properties/a/items: the validator does not know 'const'");
    CHECK(refusal(R"({"anyOf":[{"type":"string"},{"format":"uuid"}]})") ==
          "here/anyOf/1: a format without a pattern is not checked by anybody");
    CHECK(refusal(R"({"type":"string","pattern":"^\\d+$"})") ==
          "here: the validator cannot read the pattern");
    for (const std::string form : {"", R"(,"x-form":"")", R"(,"x-form":7)"}) {
        CHECK(refusal(R"({"items":{"type":"string","pattern":"^[0-9]+$")" + form + "}}")
                  .starts_with("here/items: x-form is missing"));
    }
    CHECK(refusal(R"({"properties":[]})") == "here: properties are an object");
    CHECK(refusal(R"({"items":[{"type":"string"}]})") == "here/items: a schema is an object");
}

TEST_CASE("what is no JSON, or could be read in two ways, is refused") {
    CHECK(unreadable("").starts_with("api.bad_json: the body is not JSON"));
    CHECK(unreadable("{}x").starts_with("api.bad_json"));
    CHECK(unreadable("{\"a\":\"\xff\"}").starts_with("api.bad_json"));
    CHECK(unreadable(std::string("{}\0", 3)).find("NUL") != std::string::npos);
    CHECK(unreadable(R"({"a":{"b":1,"b":2}})").find("two members of one name") != std::string::npos);
    CHECK(unreadable(std::string(33, '[') + std::string(33, ']')).find("deeper") != std::string::npos);
    CHECK(unreadable(std::string(32, '[') + std::string(32, ']')) == "");
    CHECK(unreadable(R"({"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["})") == "");
}

TEST_CASE("a whole number is one however it is written") {
    const auto sent = SentJson::parse(R"({"a":2.0,"b":[{"c":1e3}],"d":2.5,"e":1e300})").value();
    CHECK(sent.whole_if_any("a") == 2);
    CHECK_FALSE(sent.whole_if_any("d"));
    CHECK_FALSE(sent.whole_if_any("e"));
    CHECK(sent.source() == R"({"a":2,"b":[{"c":1000}],"d":2.5,"e":1e300})");
}

TEST_CASE("what was sent is read by name, and what is not there is nothing") {
    const auto sent = SentJson::parse(R"({"a":"x","b":true,"c":["y",1,"z"],"d":null})").value();
    CHECK(sent.text("a") == "x");
    CHECK(sent.text("b") == "");
    CHECK_FALSE(sent.text_if_any("d"));
    CHECK(sent.flag_if_any("b") == true);
    CHECK_FALSE(sent.flag_if_any("a"));
    CHECK(sent.texts("c") == std::vector<std::string>{"y", "z"});
    CHECK_FALSE(sent.texts_if_any("nothing"));
    CHECK(sent.has("d"));
    CHECK_FALSE(SentJson().has("a"));
}

TEST_CASE("members are read as what they are, within members too, and else as nothing") {
    const auto sent =
        SentJson::parse(R"({"n":7,"r":0.5,"none":null,"in":{"n":8,"t":"x"},"all":[{"n":1},{"n":2},3]})")
            .value();
    CHECK(sent.whole_if_any("n") == 7);
    CHECK_FALSE(sent.whole_if_any("r"));
    CHECK(sent.real_if_any("r") == 0.5);
    CHECK(sent.real_if_any("n") == 7.0);
    CHECK(sent.null("none"));
    CHECK_FALSE(sent.null("n"));
    CHECK_FALSE(sent.null("missing"));
    CHECK(sent.part("in").whole_if_any("n") == 8);
    CHECK(sent.part("in").text("t") == "x");
    CHECK_FALSE(sent.part("in").has("r"));
    CHECK_FALSE(sent.part("missing").has("n"));
    const auto all = sent.parts("all");
    REQUIRE(all.size() == 3);
    CHECK(all[1].whole_if_any("n") == 2);
    CHECK_FALSE(all[2].has("n"));
    CHECK(sent.parts("n").empty());
    // a part is judged as itself
    CHECK_FALSE(Shape(R"({"required":["t"]})", "place").judge(sent.part("in")).has_value());
    CHECK(Shape(R"({"type":"object","required":["t"]})", "place").judge(all[0]).has_value());
}
