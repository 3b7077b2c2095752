#include "identity/access_secret.hpp"

#include <doctest/doctest.h>

#include <regex>
#include <set>

#include "core/digest.hpp"

using namespace relevo;

TEST_CASE("a secret says what it is, and a scanner knows it from any other text") {
    SystemRandom random;
    const std::regex scanner("rlv_(key|session|ticket)_[0-9a-f]{72}");
    for (const auto kind : {SecretKind::api_key, SecretKind::session, SecretKind::ticket}) {
        const NewSecret drawn = draw_secret(kind, random);
        const std::string& text = drawn.shown.reveal();
        CHECK(std::regex_match(text, scanner));
        CHECK(looks_like_secret(text));
        CHECK(kind_of_secret(text) == kind);
        CHECK(text.ends_with(drawn.last4));
        CHECK(drawn.last4.size() == 4);
        CHECK(drawn.hash.hex == sha256_hex(text));
        CHECK(hash_of_secret(text).hex == drawn.hash.hex);
    }
}

TEST_CASE("256 bits are drawn for each") {
    SystemRandom random;
    std::set<std::string> drawn;
    for (int i = 0; i < 1'000; ++i) drawn.insert(draw_secret(SecretKind::api_key, random).shown.reveal());
    CHECK(drawn.size() == 1'000);
    SeededRandom one(1);
    SeededRandom same(1);
    CHECK(draw_secret(SecretKind::session, one).shown.reveal().substr(12, 64) == same.hex(32));
}

TEST_CASE("a secret with a digit that is wrong, missing or too many opens nothing before anybody is asked") {
    SeededRandom random(7);
    const std::string text = draw_secret(SecretKind::api_key, random).shown.reveal();
    REQUIRE(kind_of_secret(text));
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string changed = text;
        changed[i] = changed[i] == '0' ? '1' : '0';
        CHECK_FALSE(kind_of_secret(changed));
    }
    CHECK_FALSE(kind_of_secret(text + "0"));
    CHECK_FALSE(kind_of_secret(text.substr(0, text.size() - 1)));
    CHECK_FALSE(kind_of_secret("rlv_session_" + text.substr(8)));
    CHECK_FALSE(kind_of_secret("rlv_key_"));
    CHECK_FALSE(kind_of_secret(""));
    std::string capitals = text;
    for (auto& c : capitals) c = c == 'a' ? 'A' : c;
    CHECK_FALSE(kind_of_secret(capitals));
}
