#include "gateway/web_messages.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("a connection without the shop's key is refused") {
    CHECK(parse_web_auth("{}").error().code == "web.bad_auth");
    CHECK(parse_web_auth("[1]").error().code == "web.bad_auth");
    CHECK(parse_web_auth("not json").error().code == "web.bad_auth");
    CHECK(parse_web_auth(R"({"key":7})").error().code == "web.bad_auth");
}

TEST_CASE("a visitor's name that we never gave counts as none") {
    const std::string ours(32, 'a');
    CHECK(parse_web_auth(R"({"key":"k","visitor":")" + ours + R"("})")->visitor == ours);
    CHECK(parse_web_auth(R"({"key":"k","visitor":"1"})")->visitor.empty());
    CHECK(parse_web_auth(R"({"key":"k","visitor":"../../../../etc/passwd0000000000"})")->visitor.empty());
    CHECK(parse_web_auth(R"({"key":"k","visitor":null})")->visitor.empty());
}

TEST_CASE("a message needs a client id of its own and a text of 1 to 4,096 characters") {
    const auto code = [](const std::string& args) { return parse_web_input(args).error().code; };
    CHECK(code("[]") == "web.bad_message");
    CHECK(code(R"(["text"])") == "web.bad_message");
    CHECK(code(R"([{"text":"hola"}])") == "web.bad_message");
    CHECK(code(R"([{"client_id":"1","text":" \n "}])") == "web.bad_message");
    CHECK(code(R"([{"client_id":")" + std::string(65, 'x') + R"(","text":"hola"}])") == "web.bad_message");
    CHECK(code(R"([{"client_id":"1","text":")" + std::string(4'097, 'x') + R"("}])") == "web.bad_message");
    std::string longest;
    for (int i = 0; i < 4'096; ++i) longest += "ñ";
    CHECK(parse_web_input(R"([{"client_id":"1","text":")" + longest + R"("}])")->text == longest);
}

TEST_CASE(
    "what a page says along with a message is flat, typed, bounded, and told from what a shop's systems "
    "say") {
    const auto metadata = [](const std::string& json) {
        return parse_web_input(R"([{"client_id":"1","text":"hola","metadata":)" + json + "}]")->metadata;
    };
    CHECK(metadata(R"({"sku":"PUN-AUR","seen":3,"price":1.5,"vip":true})") ==
          R"({"page":{"sku":"PUN-AUR","seen":3,"price":1.5,"vip":true}})");
    CHECK(metadata(R"({"deep":{"a":1},"list":[1],"none":null})").empty());
    CHECK(metadata("\"text\"").empty());
    CHECK(metadata("{}").empty());
    CHECK(parse_web_input(R"([{"client_id":"1","text":"hola"}])")->metadata.empty());
    const std::string longest = R"({"a":")" + std::string(5'000, 'x') + R"("})";
    CHECK(parse_web_input(R"([{"client_id":"1","text":"hola","metadata":)" + longest + "}]").error().code ==
          "web.bad_message");
}

TEST_CASE("a lone surrogate or a NUL does not lose the message") {
    const auto input = parse_web_input(R"([{"client_id":"1","text":"a\ud83db\u0000c"}])");
    REQUIRE(input.has_value());
    CHECK(input->text == "a\uFFFDb\uFFFDc");
}

TEST_CASE("a bubble of the agent says which draft it replaces") {
    WebMessage message;
    message.id = "m1";
    message.seq = 7;
    message.text = "Sí, \"hay\"";
    message.at = from_millis(1'700'000'000'000);
    message.turn = "t1";
    message.index = 2;
    CHECK(
        web_message(message) ==
        R"({"id":"m1","seq":7,"direction":"out","text":"Sí, \"hay\"","at":"2023-11-14T22:13:20.000Z","turn":"t1","index":2})");
}

TEST_CASE("the history lists messages in their order") {
    WebMessage first;
    first.id = "a";
    first.inbound = true;
    first.client_id = "c1";
    WebMessage second;
    second.id = "b";
    const auto json = web_history({first, second});
    CHECK(json.find(R"({"messages":[{"id":"a")") == 0);
    CHECK(json.find(R"("direction":"in")") < json.find(R"("direction":"out")"));
    CHECK(json.find(R"("client_id":"c1")") != std::string::npos);
}

TEST_CASE("a page is told whether a human or an agent answers, in the words of the API") {
    CHECK(web_standing(true) == R"({"standing":"human"})");
    CHECK(web_standing(false) == R"({"standing":"agent"})");
}

TEST_CASE("a live event of another shape is nothing") {
    CHECK(!parse_live(""));
    CHECK(!parse_live("[]"));
    const auto draft = parse_live(R"({"event":"delta","turn":"t","index":1,"text":"x","epoch":3})");
    REQUIRE(draft);
    CHECK(draft->event == "delta");
    CHECK(draft->index == 1);
    CHECK(draft->epoch == 3);
}

TEST_CASE("a visitor who nests a million deep is refused, and overflows no stack") {
    const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
    CHECK(parse_web_input("[" + deep + "]").error().code == "web.bad_message");
    CHECK(parse_web_input(R"([{"client_id":"1","text":"hola","more":)" + deep + "}]")->text == "hola");
    CHECK(parse_web_input(R"([{"client_id":"1","text":"hola","metadata":{"a":)" + deep + "}}]")->text ==
          "hola");
    CHECK(parse_web_auth(R"({"more":)" + deep + "}").error().code == "web.bad_auth");
    CHECK_FALSE(parse_live(deep).has_value());
}
