#include "cli/price_file.hpp"

#include <doctest/doctest.h>

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

Result<PriceList> load_text(const std::string& text) {
    const Folder folder;
    return load_prices(folder.write("prices.yaml", text), {"offline", "openai"});
}

std::string refusal(const std::string& price) {
    const auto list = load_text("currency: USD\nprices:\n  - " + price + "\n");
    REQUIRE_FALSE(list.has_value());
    CHECK(list.error().code == "prices.invalid");
    return list.error().text;
}

}  // namespace

TEST_CASE("prices are read to the millionth, for a million tokens, with the days on which they hold") {
    const auto list = load_text(
        "currency: USD\nprices:\n"
        "  - {provider: openai, model: gpt-4o-mini, input: 0.15, cached_input: 0.075, output: 0.60}\n"
        "  - {provider: openai, base_url: \"https://b/v1/\", model: \"m*\", input: 1, output: 2.000001, "
        "from: 2026-01-01, until: \"2026-02-01T12:00\"}\n");
    REQUIRE(list.has_value());
    CHECK(list->currency == "USD");
    REQUIRE(list->prices.size() == 2);
    CHECK(list->prices[0].input == 150'000);
    CHECK(list->prices[0].cached_input == 75'000);
    CHECK(list->prices[0].output == 600'000);
    CHECK(list->prices[0].from == SysTime{});
    CHECK(list->prices[1].base_url == "https://b/v1");
    CHECK(list->prices[1].cached_input == 1'000'000);
    CHECK(list->prices[1].output == 2'000'001);
    CHECK(list->prices[1].from == from_millis(1'767'225'600'000));
    CHECK(list->prices[1].until == from_millis(1'769'947'200'000));
}

TEST_CASE("what is wrong with a price is said with its place") {
    CHECK(refusal("{provider: opnai, model: m, input: 1, output: 1}")
              .find("'opnai' is no provider; known: offline, openai") != std::string::npos);
    CHECK(refusal("{provider: openai, model: m, input: 1}").find("'output' is missing") != std::string::npos);
    CHECK(refusal("{provider: openai, model: m, input: -1, output: 1}").find(":3:") != std::string::npos);
    CHECK(refusal("{provider: openai, model: m, input: 1.0000001, output: 1}").find("six digits") !=
          std::string::npos);
    CHECK(refusal("{provider: openai, model: \"*m\", input: 1, output: 1}").find("at the end") !=
          std::string::npos);
    CHECK(
        refusal("{provider: openai, model: m, input: 1, output: 1, from: soon}").find("'soon' is no time") !=
        std::string::npos);
    CHECK(refusal("{provider: openai, model: m, input: 1, output: 1, from: 2026-02-01, until: 2026-01-01}")
              .find("ends before it begins") != std::string::npos);
    CHECK_FALSE(load_text("currency: dollars\nprices: []\n").has_value());
    CHECK_FALSE(load_text("prices: []\n").has_value());
    CHECK_FALSE(load_text("currency: USD\nprices:\n  - {provider: openai, model: m, input: 1, output: 1}\n"
                          "  - {provider: openai, model: m, input: 2, output: 2}\n")
                    .has_value());
}
