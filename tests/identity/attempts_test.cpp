#include "identity/attempts.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

std::string network(const std::string& address) {
    return limits_of_sign_in("ana@example.com", address).front().of;
}

}  // namespace

TEST_CASE("a try counts against its address, its account, and both together") {
    const auto limits = limits_of_sign_in("ana@example.com", "192.0.2.7");
    REQUIRE(limits.size() == 3);
    CHECK(limits[0].kind == "address");
    CHECK(limits[0].of == "192.0.2.7");
    CHECK(limits[1].of == "192.0.2.7 ana@example.com");
    CHECK(limits[2].of == "ana@example.com");
    // a stranger needs several addresses to lock somebody out
    CHECK(limits[1].most * 5 < limits[2].most);
    for (const auto& limit : limits) CHECK(limit.most > 0);
}

TEST_CASE("a network of IPv6 is one address") {
    CHECK(network("2001:db8:1:2:3:4:5:6") == network("2001:db8:1:2:ffff::1"));
}
