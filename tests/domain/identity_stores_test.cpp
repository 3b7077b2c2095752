#include "domain/identity_stores.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace relevo;

TEST_CASE("an id that is drawn says so, and is drawn once") {
    SystemRandom random;
    std::set<std::string> drawn;
    for (int i = 0; i < 1'000; ++i) {
        const std::string id = format_uuid(draw_uuid(random));
        CHECK(id[14] == '4');
        CHECK(std::string("89ab").find(id[19]) != std::string::npos);
        drawn.insert(id);
    }
    CHECK(drawn.size() == 1'000);
}

TEST_CASE("who changes something is named as they are, with what they may do themselves") {
    const auto rights = Permissions::known(std::vector<std::string>{"users.write"});
    const Actor ana = actor_of(Principal::user({17}, {}, "Ana", rights), "trace");
    CHECK(ana.kind == "user");
    CHECK(ana.id == UserId{}.to_string());
    CHECK(ana.name == "Ana");
    CHECK(ana.trace == "trace");
    CHECK(ana.may == rights);
    const Actor olga = actor_of(*Principal::platform_operator("op", "Olga").within({17}));
    CHECK(olga.kind == "operator");
    CHECK(olga.may == Permissions::all());
    CHECK(actor_of(*Principal::service().within({17})).may.names().size() == 4);
}
