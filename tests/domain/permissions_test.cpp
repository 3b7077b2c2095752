#include "domain/permissions.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace relevo;

namespace {

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("every module can be read and written, and every permission has a name of its own") {
    for (const auto module :
         {Module::agents, Module::tools, Module::channels, Module::knowledge, Module::users, Module::vault,
          Module::conversations, Module::billing, Module::shop}) {
        for (const auto action : {Action::read, Action::write}) {
            CHECK(Permissions::all().allows(module, action));
            CHECK_FALSE(Permissions().allows(module, action));
        }
    }
    const Names names = Permissions::all().names();
    CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
    for (const auto& name : names) {
        CHECK(Permissions::parse(Names{name}).value().names() == Names{name});
    }
    CHECK(Permissions::parse(names).value() == Permissions::all());
    CHECK_FALSE(Permissions::all().allows(Module::agents, Action::erase));  // there is none
}

TEST_CASE(
    "a name that is no permission is refused where it is given, and allows nothing where it is stored") {
    for (const std::string name :
         {"", "agents", "agents.", ".read", "agents.read ", "Agents.read", "*", "agents.*"}) {
        CAPTURE(name);
        const auto parsed = Permissions::parse(Names{"agents.read", name});
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().code == "identity.unknown_permission");
        CHECK(parsed.error().text.find("permission 2") != std::string::npos);
        CHECK(Permissions::known(Names{name, "agents.read"}).names() == Names{"agents.read"});
    }
}

TEST_CASE("combining gives what both sides have, and covering is having all of it") {
    const auto ab = Permissions::known(Names{"agents.read", "agents.write"});
    const auto bc = Permissions::known(Names{"agents.write", "vault.read"});
    CHECK((ab & bc).names() == Names{"agents.write"});
    CHECK((ab & Permissions()).empty());
    CHECK(ab.covers(ab & bc));
    CHECK_FALSE(ab.covers(bc));
    CHECK(Permissions::all().covers(bc));
    CHECK(Permissions().covers(Permissions()));
    CHECK(bc.without(Module::vault).names() == Names{"agents.write"});
}
