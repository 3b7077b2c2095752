#include "vault/fingerprint.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("a fingerprint tells values apart, and tells nothing of equal ones in two places") {
    CHECK(fingerprint(Secret("a"), "here") == fingerprint(Secret("a"), "here"));
    CHECK(fingerprint(Secret("a"), "here") != fingerprint(Secret("b"), "here"));
    CHECK(fingerprint(Secret("a"), "here") != fingerprint(Secret("a"), "there"));
    CHECK(fingerprint(Secret("a"), "here").size() == 16);
}

TEST_CASE("a secret's end is shown where enough of it stays hidden") {
    CHECK(last_characters(Secret("sk-123456789")) == "6789");
    CHECK(last_characters(Secret("sk-12345678")).empty());
    CHECK(last_characters(Secret()).empty());
}
