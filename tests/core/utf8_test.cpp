#include "core/utf8.hpp"

#include <doctest/doctest.h>

namespace relevo {
namespace {

const std::string mark = "\xEF\xBF\xBD";  // U+FFFD

}  // namespace

TEST_CASE("well-formed text stays as it is") {
    for (const std::string text : {"", "hola", "ñandú", "日本", "💃", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"}) {
        CHECK(clean_utf8(text) == text);
    }
}

TEST_CASE("what PostgreSQL and JSON refuse is replaced") {
    CHECK(clean_utf8(std::string("a\0b", 3)) == "a" + mark + "b");
    CHECK(clean_utf8("\xED\xA0\x80") == mark + mark + mark);  // a lone surrogate
    CHECK(clean_utf8("\xC0\xAF") == mark + mark);             // an overlong slash
    CHECK(clean_utf8("\xE0\x80\xAF") == mark + mark + mark);
    CHECK(clean_utf8("\xF0\x8F\xBF\xBF") == mark + mark + mark + mark);
    CHECK(clean_utf8("\xF4\x90\x80\x80") == mark + mark + mark + mark);  // past U+10FFFF
    CHECK(clean_utf8("a\xC3") == "a" + mark);                            // cut in the middle
    CHECK(clean_utf8("\xC3(") == mark + "(");
    CHECK(clean_utf8("\xFF") == mark);
}

TEST_CASE("escapes of lone surrogates and of U+0000 are replaced, pairs stay") {
    CHECK(clean_json_escapes(R"("\ud83d\udc83")") == R"("\ud83d\udc83")");
    CHECK(clean_json_escapes(R"("\ud83d")") == R"("\ufffd")");
    CHECK(clean_json_escapes(R"("\udc83 \ud83d")") == R"("\ufffd \ufffd")");
    CHECK(clean_json_escapes(R"("\ud83d\ud83d\udc83")") == R"("\ufffd\ud83d\udc83")");
    CHECK(clean_json_escapes(R"("a\u0000b")") == R"("a\ufffdb")");
    CHECK(clean_json_escapes(R"("\u00f1 \n \" \\")") == R"("\u00f1 \n \" \\")");
}

TEST_CASE("an escaped backslash before a u is no escape of a character") {
    CHECK(clean_json_escapes(R"("\\ud83d")") == R"("\\ud83d")");
    CHECK(clean_json_escapes(R"("\\\ud83d")") == R"("\\\ufffd")");
}

TEST_CASE("an escape that is cut off is left to the parser") {
    for (const std::string json : {"\"\\", "\"\\u", "\"\\ud83", "\"\\uzzzz\""})
        CHECK(clean_json_escapes(json) == json);
}

TEST_CASE("characters are counted, not bytes") {
    CHECK(count_code_points("ñandú💃") == 6);
    CHECK(prefix_of_code_points("ñandú💃", 1) == 2);
    CHECK(prefix_of_code_points("ñandú💃", 6) == 11);
    CHECK(prefix_of_code_points("ñandú💃", 99) == 11);
    CHECK(prefix_of_code_points("ñandú💃", 0) == 0);
}

}  // namespace relevo
