#include "vault/mark.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("the same name under the same key has the same mark, and nothing else has") {
    const Secret key(std::string(64, 'a'));
    const std::string known = mark(key, {"name", "5491155550001"});
    CHECK(known.size() == 32);
    CHECK(known == mark(key, {"name", "5491155550001"}));
    CHECK(known != mark(key, {"name", "5491155550002"}));
    CHECK(known != mark(key, {"event", "5491155550001"}));
    CHECK(known != mark(Secret(std::string(64, 'b')), {"name", "5491155550001"}));
    // where a part ends counts
    CHECK(mark(key, {"ab", "c"}) != mark(key, {"a", "bc"}));
    CHECK(mark(key, {"a", ""}) != mark(key, {"a"}));
}

TEST_CASE("a mark is an HMAC-SHA256, as others compute it") {
    // printf '4:name3:Ana' | openssl dgst -sha256 -mac HMAC -macopt key:k
    CHECK(mark(Secret("k"), {"name", "Ana"}) == "a8214083c8c619bdb83a400d93eecb4b");
}
