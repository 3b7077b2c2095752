#include "domain/shop_rules.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("a character is one however many bytes it has") {
    CHECK(characters_of("") == 0);
    CHECK(characters_of("mañana") == 6);
    CHECK(characters_of("👋🏽!") == 3);
}

TEST_CASE("kinds are written by their names in one order, and a name of none is passed over") {
    const PersonalKinds some{PersonalKind::phone, PersonalKind::card};
    CHECK(names_of(some) == std::vector<std::string>{"card", "phone"});
    CHECK(kinds_of({"phone", "passport", "card"}) == some);
    CHECK(kinds_of(names_of(all_personal_kinds())) == all_personal_kinds());
    CHECK(names_of({}).empty());
}
