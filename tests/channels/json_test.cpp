#include "channels/json.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace relevo;

TEST_CASE("a node that is not there answers every question with nothing") {
    const auto document = JsonDocument::parse(R"({"list":[1,"two",null],"text":"x","object":{}})");
    REQUIRE(document.has_value());
    const JsonNode root = document->root();
    CHECK_FALSE(root["none"].has_value());
    CHECK(root["none"]["deeper"].item(3)["still"].text() == "");
    CHECK(root["text"]["member"].text() == "");
    CHECK(root["text"].items().empty());
    CHECK(root["object"].item(0).dump() == "");
    CHECK_FALSE(root["list"].item(2).has_value());
    CHECK(root["list"].items().size() == 3);
}

TEST_CASE("an id may be a string or a number") {
    const auto document = JsonDocument::parse(
        R"({"a":5491155501234567,"b":"5491155501234567","c":"12x","d":-7,"e":99999999999999999999})");
    REQUIRE(document.has_value());
    const JsonNode root = document->root();
    CHECK(root["a"].text() == root["b"].text());
    CHECK(root["a"].whole() == root["b"].whole());
    CHECK(root["d"].whole() == -7);
    CHECK_FALSE(root["c"].whole().has_value());
    CHECK_FALSE(root["e"].whole().has_value());
}

TEST_CASE("lone surrogates, U+0000 and broken UTF-8 become the replacement character, and the rest stays") {
    const auto document = JsonDocument::parse(
        "{\"a\":\"caf\\u00e9 \\ud83d\\ude00 \\ud83d|\\u0000|\xC3(|\",\"b\":\"\\\\u0000\"}");
    REQUIRE(document.has_value());
    CHECK(document->root()["a"].text() == "café 😀 \uFFFD|\uFFFD|\uFFFD(|");
    CHECK(document->root()["b"].text() == "\\u0000");
}

TEST_CASE("what is not JSON is refused, and nothing else is") {
    for (const std::string bad :
         {"", "   ", "{", "[1,]", "{\"a\":1}x", "hello", "{'a':1}", "[[[[[[", "\"\x01\""}) {
        CAPTURE(bad);
        const auto document = JsonDocument::parse(bad);
        REQUIRE(document.has_error());
        CHECK(document.error().code == "webhook.bad_json");
        CHECK(document.error().fault == Fault::permanent);
    }
    for (const std::string good : {"null", "1", "[]", "\"x\"", "{\"a\":{},\"a\":1}"}) {
        CAPTURE(good);
        CHECK(JsonDocument::parse(good).has_value());
    }
}

TEST_CASE("nesting deeper than any webhook's is kept as text and overflows no stack") {
    const std::size_t depth = 1'000'000;
    const std::string deep = std::string(depth, '[') + std::string(depth, ']');
    const auto document = JsonDocument::parse(deep);
    REQUIRE(document.has_value());
    CHECK(document->root().text() == deep);
    CHECK(JsonDocument::parse(std::string(depth, '[')).has_error());
}

TEST_CASE("a zero with an exponent is a number, and long ones keep fifteen digits") {
    const auto document =
        JsonDocument::parse(R"({"a":0e+99,"b":[0e40],"c":-34.6037220012345,"d":0.000012345678901234})");
    REQUIRE(document.has_value());
    CHECK(document->root()["a"].text() == "0.0");
    CHECK(document->root()["c"].text() == "-34.6037220012345");
    CHECK(document->root()["d"].text() == "0.000012345678901234");
}
