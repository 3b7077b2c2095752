#include "domain/money_json.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("every amount is told in millionths, by a name that says so, with its currency beside it") {
    CHECK(cost_json({{{"EUR", 1}, {"USD", 9'007'199'254'740'991}}, 2}) ==
          R"({"amounts":[{"currency":"EUR","amount_micros":1},)"
          R"({"currency":"USD","amount_micros":9007199254740991}],"unpriced_calls":2})");
    JsonObject price;
    add_amounts(price, {"openai", "", "m", {}, {}, 3, 2, 1});
    CHECK(price.str() == R"({"input_micros":3,"cached_input_micros":2,"output_micros":1})");
    JsonObject limits;
    add_limits(limits, {"shop", "", "day", "USD", 5, {}});
    CHECK(limits.str() == R"({"period":"day","currency":"USD","hard_micros":5})");
    JsonObject spent;
    add_spent(spent, {{}, {}, {}, 7, 1, {{"soft", 1}, {"exhausted", 3}}});
    CHECK(spent.str() == R"({"spent_micros":7,"reserved_micros":1,"soft_reached":true,)"
                         R"("refused_calls":3,"unpriced_calls":0})");
}

TEST_CASE("a model is named with its server where that is one of its own") {
    CHECK(models_json({{"openai", "", "a"}, {"openai", "https://b/v1", "c"}}) ==
          R"([{"provider":"openai","model":"a"},)"
          R"({"provider":"openai","base_url":"https://b/v1","model":"c"}])");
    CHECK(models_json({}) == "[]");
}
