#include "domain/ip_address.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("an address is the same text in every spelling, and what is none is nothing") {
    CHECK(ip_address("192.0.2.7") == "192.0.2.7");
    CHECK(ip_address("::ffff:192.0.2.7") == "192.0.2.7");
    CHECK(ip_address("2001:0DB8:0:0:0:0:0:1") == "2001:db8::1");
    CHECK(ip_address("0:0:0:0:0:0:0:1") == "::1");
    for (const auto* text : {"", "10.0.0.0/8", "balancer", "192.0.2.7:80", "[::1]", "192.0.2"})
        CHECK_FALSE(ip_address(text));
}

TEST_CASE("who has a network of IPv6 is one, and an IPv4 address is the same in either spelling") {
    CHECK(ip_network("2001:db8:1:2:3:4:5:6") == ip_network("2001:db8:1:2:ffff::1"));
    CHECK(ip_network("2001:db8:1:2::1") != ip_network("2001:db8:1:3::1"));
    CHECK(ip_network("::ffff:192.0.2.7") == "192.0.2.7");
    CHECK(ip_network("192.0.2.7") != ip_network("192.0.2.8"));
    CHECK(ip_network("no address") == "no address");
}
