#include "api/cursor.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("a cursor gives back its key to the same query only") {
    const std::string cursor = cursor_of("list_users|1", "00000000-0000-4000-8000-000000000001");
    CHECK(cursor.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
    CHECK(key_of_cursor("list_users|1", cursor) == "00000000-0000-4000-8000-000000000001");
    CHECK_FALSE(key_of_cursor("list_users|2", cursor));
    CHECK_FALSE(key_of_cursor("list_users|", cursor));
    CHECK_FALSE(key_of_cursor("list_users|1|status=3:off", cursor));
}

TEST_CASE("what is no cursor gives nothing") {
    for (const auto* text : {"", "a", "!!", "AAAA", "bm90IG9mIHRoaXMgcXVlcnkgYXQgYWxs"}) {
        CAPTURE(text);
        CHECK_FALSE(key_of_cursor("list", text));
    }
    const std::string cursor = cursor_of("list", "10");
    for (std::size_t i = 0; i < cursor.size(); ++i) {
        std::string changed = cursor;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        CHECK(key_of_cursor("list", changed) != "10");
    }
}
