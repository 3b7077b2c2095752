#include "redis/address.hpp"

#include <doctest/doctest.h>

namespace relevo {

TEST_CASE("an address says host, port, user, password and database, or leaves them at their defaults") {
    const auto full = parse_redis_url("redis://ana:p%40ss@redis.test:6380/3").value();
    CHECK(full.host == "redis.test");
    CHECK(full.port == 6380);
    CHECK(full.user == "ana");
    CHECK(full.password.reveal() == "p@ss");
    CHECK(full.database == 3);
    const auto least = parse_redis_url("redis://127.0.0.1").value();
    CHECK(least.host == "127.0.0.1");
    CHECK(least.port == 6379);
    CHECK(least.user.empty());
    CHECK(least.password.empty());
    CHECK(least.database == 0);
    CHECK(parse_redis_url("redis://:secret@h/")->password.reveal() == "secret");
    CHECK(parse_redis_url("redis://[::1]:7000")->host == "::1");
}

TEST_CASE("what is no address of a Redis is refused without repeating its password") {
    for (const std::string_view url :
         {"", "127.0.0.1:6379", "rediss://:canary@h", "http://:canary@h", "redis://", "redis://:canary@h/x",
          "redis://:canary@h/-1", "redis://:canary@h:99999", "redis://:canary@h:0",
          "redis://:canary@h/1/2"}) {
        CAPTURE(url);
        const auto address = parse_redis_url(url);
        REQUIRE(address.has_error());
        CHECK(address.error().code == "redis.bad_url");
        CHECK(address.error().fault == Fault::permanent);
        CHECK(address.error().text.find("canary") == std::string::npos);
    }
}

}  // namespace relevo
