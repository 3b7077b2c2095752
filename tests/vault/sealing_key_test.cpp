#include "vault/sealing_key.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("what a key seals it opens, bound to the same place only") {
    const auto key = SealingKey::draw();
    for (const std::size_t size : {0u, 1u, 32u, 10'000u}) {
        const Secret secret(std::string(size, 's'));
        const std::string sealed = key.seal("here", secret);
        CHECK(sealed.find("ssss") == std::string::npos);
        CHECK(key.open("here", sealed)->reveal() == secret.reveal());
        CHECK_FALSE(key.open("there", sealed));
        CHECK_FALSE(SealingKey::draw().open("here", sealed));
    }
}

TEST_CASE("no byte of what is sealed can be changed or cut off") {
    const auto key = SealingKey::draw();
    const std::string sealed = key.seal("here", Secret("secret"));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string changed = sealed;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        CHECK_FALSE(key.open("here", changed));
        CHECK_FALSE(key.open("here", sealed.substr(0, i)));
        CHECK_FALSE(key.open("here", sealed.substr(i + 1)));
    }
}

TEST_CASE("the same secret is sealed differently each time") {
    const auto key = SealingKey::draw();
    CHECK(key.seal("here", Secret("secret")) != key.seal("here", Secret("secret")));
}

TEST_CASE("a key is 32 bytes or 64 hex characters") {
    const auto key = SealingKey::draw();
    CHECK(SealingKey::parse(key.hex().reveal())->hex().reveal() == key.hex().reveal());
    CHECK(SealingKey::from(key.raw().reveal())->hex().reveal() == key.hex().reveal());
    for (const std::string bad : {"", "77", "7x"}) CHECK_FALSE(SealingKey::parse(bad));
    CHECK_FALSE(SealingKey::parse(std::string(63, '7') + "x"));
    CHECK_FALSE(SealingKey::parse(std::string(66, '7')));
    CHECK_FALSE(SealingKey::parse(std::string(64, '7') + "\n"));
    CHECK_FALSE(SealingKey::from(std::string(31, 'k')));
}
