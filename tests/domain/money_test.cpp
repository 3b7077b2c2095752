#include "domain/money.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("an amount is digits with at most six behind a point") {
    CHECK(parse_micros("0.15") == 150'000);
    CHECK(parse_micros("12") == 12'000'000);
    CHECK(parse_micros("0.000001") == 1);
    CHECK(parse_micros("999999999.999999") == 999'999'999'999'999);
    for (const auto* text :
         {"", ".", ".5", "1.", "1,5", "-1", "+1", "1e3", "0.0000001", "1234567890", "1.5 ", "0x1"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_micros(text));
    }
}

TEST_CASE("an amount is shown with two digits behind the point, and more where there is more to say") {
    CHECK(format_micros(0) == "0.00");
    CHECK(format_micros(150'000) == "0.15");
    CHECK(format_micros(12'000'000) == "12.00");
    CHECK(format_micros(1) == "0.000001");
    CHECK(format_micros(1'234'500) == "1.2345");
    CHECK(format_micros(-1'500'000) == "-1.50");
    for (const std::int64_t micros : {0, 1, 99'999, 100'000, 123'456'789})
        CHECK(parse_micros(format_micros(micros)) == micros);
}

TEST_CASE("what nobody knows is said, and is never nothing") {
    CHECK(format_cost({}) == "0.00");
    CHECK(format_cost({{{"USD", 1'250'000}}, 0}) == "1.25 USD");
    CHECK(format_cost({{{"EUR", 500'000}, {"USD", 1'250'000}}, 0}) == "0.50 EUR + 1.25 USD");
    CHECK(format_cost({{}, 3}) == "not known");
    CHECK(format_cost({{{"USD", 0}}, 3}) == "not known");
    CHECK(format_cost({{{"USD", 1'250'000}}, 3}) == "1.25 USD and 3 calls not known");
    Cost sum{{{"USD", 1}}, 1};
    sum += {{{"USD", 2}, {"EUR", 3}}, 1};
    CHECK(sum.micros == std::map<std::string, std::int64_t>{{"EUR", 3}, {"USD", 3}});
    CHECK(sum.unpriced == 2);
    CHECK_FALSE(sum.known());
}
