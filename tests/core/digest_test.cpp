#include "core/digest.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("SHA-256 is written as lower-case hex") {
    CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("the same is the same, to the last byte") {
    CHECK(same_in_constant_time("abc", "abc"));
    CHECK(same_in_constant_time("", ""));
    CHECK_FALSE(same_in_constant_time("abc", "abd"));
    CHECK_FALSE(same_in_constant_time("abc", "ab"));
    CHECK_FALSE(same_in_constant_time("abc", ""));
}
