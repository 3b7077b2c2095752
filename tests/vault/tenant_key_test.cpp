#include "vault/tenant_key.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "core/error.hpp"

using namespace relevo;

TEST_CASE("a secret opens in its tenant, category and name only") {
    const auto raw = SealingKey::draw();
    const TenantKey key({1}, 1, raw);
    const std::string sealed = key.seal("openai", "API_KEY", Secret("sk-1"));
    CHECK(key.open("openai", "API_KEY", sealed).reveal() == "sk-1");
    CHECK_THROWS_AS(key.open("openai", "OTHER", sealed), Failure);
    CHECK_THROWS_AS(key.open("google", "API_KEY", sealed), Failure);
    // even where two tenants had the same key
    CHECK_THROWS_AS(TenantKey({2}, 1, raw).open("openai", "API_KEY", sealed), Failure);
}

TEST_CASE("no category and name pass for others that read the same together") {
    const TenantKey key({1}, 1, SealingKey::draw());
    const std::string sealed = key.seal("a", "b|c", Secret("secret"));
    CHECK_THROWS_AS(key.open("a|b", "c", sealed), Failure);
    CHECK_THROWS_AS(key.open("a|b|c", "", sealed), Failure);
    CHECK_THROWS_AS(key.open("", "a|b|c", sealed), Failure);
}

TEST_CASE("what does not open says which credential, and no byte of it") {
    const TenantKey key({1}, 1, SealingKey::draw());
    try {
        key.open("openai", "API_KEY", "sk-secret");
        FAIL("it opened");
    } catch (const Failure& failure) {
        CHECK(failure.error().code == "vault.sealed_otherwise");
        CHECK(failure.error().text.find("openai/API_KEY") != std::string::npos);
        CHECK(failure.error().text.find("sk-secret") == std::string::npos);
    }
}

TEST_CASE("what releases before sealed with the installation's one key opens with it") {
    const auto first = *SealingKey::parse(std::string(64, '7'));
    const std::string sealed = "\x01" + first.seal("1/openai/API_KEY", Secret("sk-1"));
    CHECK(open_unwrapped(first, {1}, "openai", "API_KEY", sealed).reveal() == "sk-1");
    CHECK_THROWS_AS(open_unwrapped(first, {2}, "openai", "API_KEY", sealed), Failure);
    CHECK_THROWS_AS(open_unwrapped(SealingKey::draw(), {1}, "openai", "API_KEY", sealed), Failure);
    CHECK_THROWS_AS(open_unwrapped(first, {1}, "openai", "API_KEY", ""), Failure);
}
