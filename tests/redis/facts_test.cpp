#include "redis/facts.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

namespace relevo {

TEST_CASE("Redis tells its version, its memory's limit and its clock") {
    const char* const url = std::getenv("RELEVO_TEST_REDIS");
    REQUIRE_MESSAGE(url != nullptr, "set RELEVO_TEST_REDIS to a Redis's URL; ./dev test does");
    const auto facts = read_redis_facts(url);
    CHECK(std::stoi(facts.version) >= 7);
    CHECK(facts.eviction == "allkeys-lru");
    CHECK(facts.max_memory == 256 << 20);
    CHECK(std::chrono::abs(facts.ahead) < Millis{2'000});
}

TEST_CASE("a Redis that is away is told with its place, a wrong URL without repeating it") {
    try {
        read_redis_facts("redis://127.0.0.1:1");
        FAIL("somebody answered");
    } catch (const Failure& failure) {
        CHECK(failure.error().code == "redis.unavailable");
        CHECK(failure.error().text.starts_with("127.0.0.1:1: "));
    }
    try {
        read_redis_facts("http://user:secret@h");
        FAIL("it was taken");
    } catch (const Failure& failure) {
        CHECK(failure.error().code == "redis.bad_url");
        CHECK(failure.error().text.find("secret") == std::string::npos);
    }
}

}  // namespace relevo
