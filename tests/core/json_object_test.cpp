#include "core/json_object.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace relevo {

TEST_CASE("an object has its members in the order of the calls") {
    CHECK(JsonObject()
              .text("text", "a \"quote\"\n")
              .text("empty", "")
              .number("number", -3)
              .real("real", 0.7)
              .flag("flag", true)
              .time("time", from_millis(1'700'000'000'000))
              .id("id", TurnId{})
              .raw("raw", R"([1,{"x":"é"}])")
              .str() == R"({"text":"a \"quote\"\n","empty":"","number":-3,"real":0.7,"flag":true,)"
                        R"("time":1700000000000,"id":"00000000-0000-0000-0000-000000000000",)"
                        R"("raw":[1,{"x":"é"}]})");
    CHECK(JsonObject().str() == "{}");
}

TEST_CASE("what is not there is left out where the call says so") {
    JsonObject object;
    object.text_if_any("text", "").time("time", std::nullopt).raw("raw", "");
    CHECK(object.str() == "{}");
    CHECK(object.str_if_any() == "");
    CHECK(object.text_if_any("text", "x").str_if_any() == R"({"text":"x"})");
}

TEST_CASE("names and texts of any bytes become storable") {
    CHECK(JsonObject().text("\xFF", std::string("a\0\xC3(\x1F", 5)).str() ==
          "{\"\uFFFD\":\"a\uFFFD\uFFFD(\\u001F\"}");
    CHECK(json_text("\\ / 💃\xED\xA0\x80") == "\"\\\\ / 💃\uFFFD\uFFFD\uFFFD\"");
}

TEST_CASE("the ends of the numbers' ranges are JSON") {
    CHECK(JsonObject().number("n", std::numeric_limits<std::int64_t>::min()).str() ==
          R"({"n":-9223372036854775808})");
    CHECK(JsonObject().real("n", 1e300).str() == R"({"n":1e+300})");
    CHECK(JsonObject().real("n", std::numeric_limits<double>::infinity()).str() == R"({"n":0})");
    CHECK(JsonObject().real("n", std::numeric_limits<double>::quiet_NaN()).str() == R"({"n":0})");
}

TEST_CASE("an array joins values that are JSON already") {
    CHECK(json_array({}) == "[]");
    CHECK(json_array({"1", json_text("x"), JsonObject().str()}) == R"([1,"x",{}])");
}

}  // namespace relevo
