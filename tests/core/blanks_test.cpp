#include "core/blanks.hpp"

#include <doctest/doctest.h>

namespace relevo {

TEST_CASE("a trimmed text keeps the blanks between its words only") {
    CHECK(trimmed(" \t\r\nhola  a todos\n ") == "hola  a todos");
    CHECK(trimmed("a") == "a");
    CHECK(trimmed(" \n") == "");
    CHECK(trimmed("") == "");
}

}  // namespace relevo
