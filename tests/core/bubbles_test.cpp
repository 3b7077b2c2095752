#include "core/bubbles.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "core/random.hpp"
#include "core/utf8.hpp"

namespace relevo {
namespace {

using Bubbles = std::vector<std::string>;
using Unit = TextLimit::Unit;

std::size_t measure(std::string_view text, Unit unit) {
    std::size_t count = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool starts = (byte & 0xC0) != 0x80;
        if (unit == Unit::bytes) ++count;
        if (unit == Unit::code_points) count += starts;
        if (unit == Unit::utf16_units) count += byte >= 0xF0 ? 2 : starts;
    }
    return count;
}

std::string without_blanks(std::string text) {
    std::erase_if(text, [](char c) { return std::string_view(" \t\r\n").find(c) != std::string_view::npos; });
    return text;
}

}  // namespace

TEST_CASE("a blank line begins a new bubble") {
    CHECK(split_bubbles("Hola\n\nTenemos puntas\nde todos los talles\n \t\r\n¿Cuál?", {}) ==
          Bubbles{"Hola", "Tenemos puntas\nde todos los talles", "¿Cuál?"});
}

TEST_CASE("blanks make no bubbles") {
    CHECK(split_bubbles("", {}).empty());
    CHECK(split_bubbles(" \n\n\t\r\n ", {}).empty());
    CHECK(split_bubbles("\n\n\n  hola  \n\n\n", {}) == Bubbles{"hola"});
}

TEST_CASE("a paragraph above the limit is cut after a sentence, else at a space, else between characters") {
    CHECK(split_bubbles("Una frase. Otra frase. Fin", {24, Unit::code_points}) ==
          Bubbles{"Una frase. Otra frase.", "Fin"});
    CHECK(split_bubbles("palabras sin punto final", {12, Unit::code_points}) ==
          Bubbles{"palabras sin", "punto final"});
    CHECK(split_bubbles("ñandúñandú", {5, Unit::code_points}) == Bubbles{"ñandú", "ñandú"});
}

TEST_CASE("a limit counts in the channel's own unit") {
    const std::string dancers = "💃💃💃💃";
    CHECK(split_bubbles(dancers, {4, Unit::code_points}).size() == 1);
    CHECK(split_bubbles(dancers, {4, Unit::utf16_units}) == Bubbles{"💃💃", "💃💃"});
    CHECK(split_bubbles(dancers, {4, Unit::bytes}) == Bubbles{"💃", "💃", "💃", "💃"});
}

TEST_CASE("too many bubbles are joined into the last while the limit allows") {
    std::string answer;
    for (int n = 0; n < 20; ++n) answer += std::to_string(n) + "\n\n";
    const auto bubbles = split_bubbles(answer, {}, 12);
    REQUIRE(bubbles.size() == 12);
    CHECK(bubbles[10] == "10");
    CHECK(bubbles[11].starts_with("11\n\n12\n\n"));
    CHECK(bubbles[11].ends_with("19"));
}

TEST_CASE("for any text no bubble is above the limit or empty, and no character is lost") {
    static constexpr std::array pieces{"a",    "ñ",  "💃", "€",        " ",  "\n",
                                       "\n\n", ". ", "! ", "palabra ", "\t", "¿qué?"};
    for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
        SeededRandom random(seed);
        std::string text;
        for (auto n = random.below(80); n > 0; --n) text += pieces[random.below(pieces.size())];
        const auto unit = static_cast<Unit>(random.below(3));
        const TextLimit limit{4 + random.below(40), unit};
        const auto most = 1 + random.below(12);
        CAPTURE(seed);
        std::string joined;
        for (const auto& bubble : split_bubbles(text, limit, most)) {
            REQUIRE(measure(bubble, unit) <= limit.max);
            REQUIRE_FALSE(bubble.empty());
            REQUIRE(clean_utf8(bubble) == bubble);
            joined += bubble;
        }
        REQUIRE(without_blanks(joined) == without_blanks(text));
    }
}

}  // namespace relevo
