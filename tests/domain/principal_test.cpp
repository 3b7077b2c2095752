#include "domain/principal.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

constexpr TenantId own{17};
constexpr TenantId other{18};

Permissions some(std::initializer_list<std::string> names) {
    return Permissions::known(std::vector<std::string>(names));
}

}  // namespace

TEST_CASE("a user may do what their roles allow, in their own shop and in no other") {
    const auto ana = Principal::user(own, {}, "Ana", some({"agents.read"}));
    CHECK(ana.allows(Module::agents, Action::read));
    CHECK_FALSE(ana.allows(Module::agents, Action::write));
    CHECK(ana.within(own));
    CHECK_FALSE(ana.within(other));
}

TEST_CASE("the scopes of a key restrict what its owner may do, and never widen it") {
    const Permissions all = Permissions::all();
    const auto names = all.names();
    // every pair of single permissions: a key has one only where both have it
    for (const auto& scope : names) {
        for (const auto& right : names) {
            const auto key = Principal::api_key(own, {}, "k", some({scope}), some({right}));
            CHECK(key.permissions() == (scope == right ? some({scope}) : Permissions()));
        }
    }
    CHECK(Principal::api_key(own, {}, "k", all, some({"vault.read"})).permissions() == some({"vault.read"}));
    CHECK(Principal::api_key(own, {}, "k", some({"vault.read"}), all).permissions() == some({"vault.read"}));
    CHECK_FALSE(Principal::api_key(own, {}, "k", all, all).within(other));
}

TEST_CASE("an operator works for a shop that they name, and does not read what its customers write") {
    const auto olga = Principal::platform_operator("op", "Olga");
    CHECK(olga.runs_installation());
    CHECK_FALSE(olga.tenant());
    CHECK_FALSE(olga.allows(Module::agents, Action::read));
    const auto at_work = olga.within(own);
    REQUIRE(at_work);
    CHECK(at_work->tenant() == own);
    CHECK(at_work->allows(Module::agents, Action::write));
    CHECK(at_work->allows(Module::vault, Action::write));
    CHECK_FALSE(at_work->allows(Module::conversations, Action::read));
    CHECK_FALSE(at_work->allows(Module::conversations, Action::reply));
    CHECK(at_work->within(other)->tenant() == other);
}

TEST_CASE("a service of the installation answers customers and connects accounts for a shop, and nothing else") {
    const auto service = Principal::service();
    CHECK_FALSE(service.allows(Module::conversations, Action::reply));
    const auto at_work = service.within(own);
    REQUIRE(at_work);
    CHECK(at_work->permissions().names() ==
          std::vector<std::string>{"channels.read", "channels.write", "conversations.read",
                                   "conversations.reply"});
    CHECK_FALSE(at_work->runs_installation());
}

TEST_CASE("the audit log has a word for each kind of caller") {
    CHECK(name_of(Principal::Kind::user) == "user");
    CHECK(name_of(Principal::Kind::api_key) == "api_key");
    CHECK(name_of(Principal::Kind::installation) == "operator");
    CHECK(name_of(Principal::Kind::service) == "service");
}
