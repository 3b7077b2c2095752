#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/json_object.hpp"
#include "postgres/json.hpp"
#include "tests/postgres/people.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Told = PeopleStore::Outcome;

}  // namespace

TEST_CASE("a key opens until it is revoked or over, with no more rights than its owner has now") {
    PeopleFixture fixture;
    fixture.add_active(fixture.ballet, 1, "ana@example.com", {"editor"});
    const auto add = [&](int n, std::optional<UserId> owner, std::optional<SysTime> end = {}) {
        return run(fixture.people->add_key(fixture.ballet,
                                           {nth<ApiKeyId>(n), "site", some({"agents.write", "users.write"}),
                                            hash_of("key " + std::to_string(n)), "last", owner, end},
                                           at(0), fixture.olga));
    };
    const auto open = [&](int n, SysTime now) {
        return run(fixture.sign_in->find_key(hash_of("key " + std::to_string(n)), now));
    };
    CHECK(add(1, nth<UserId>(1), at(100)) == Told::done);
    CHECK(add(1, nth<UserId>(1), at(100)) == Told::done);  // asked twice
    CHECK(add(2, {}) == Told::done);
    CHECK(add(3, nth<UserId>(9)) == Told::not_found);
    auto key = open(1, at(99));
    REQUIRE(key);
    CHECK(key->tenant == fixture.ballet);
    CHECK(key->id == nth<ApiKeyId>(1));
    CHECK(key->name == "site");
    CHECK(key->scopes == some({"agents.write", "users.write"}));
    CHECK(key->owner.allows(Module::agents, Action::write));
    CHECK_FALSE(key->owner.allows(Module::users, Action::write));
    CHECK_FALSE(open(1, at(100)));
    CHECK(open(2, at(100))->owner == Permissions::all());
    CHECK_FALSE(open(3, at(0)));

    CHECK(fixture.change(fixture.ballet, 1, {.roles = std::vector<std::string>{}}) == Told::done);
    CHECK(open(1, at(1))->owner.empty());
    CHECK(fixture.change(fixture.ballet, 1, {.active = false}) == Told::done);
    CHECK_FALSE(open(1, at(1)));
    CHECK(open(2, at(1)));
    CHECK(run(fixture.people->revoke_key(fixture.other, nth<ApiKeyId>(2), at(5), fixture.olga)) ==
          Told::not_found);
    CHECK(run(fixture.people->revoke_key(fixture.ballet, nth<ApiKeyId>(2), at(5), fixture.olga)) ==
          Told::done);
    CHECK_FALSE(open(2, at(1)));
    const auto keys = run(fixture.people->keys(fixture.ballet));
    REQUIRE(keys.size() == 2);
    CHECK(keys[1].revoked_at == at(5));
    CHECK(keys[1].last_used_at);
    CHECK(keys[0].owner == nth<UserId>(1));
    CHECK(keys[0].scopes == std::vector<std::string>{"agents.write", "users.write"});
    CHECK(run(fixture.people->keys(fixture.other)).empty());
}

TEST_CASE("a key that an operator made ends with them") {
    PeopleFixture fixture;
    fixture.test.query("INSERT INTO platform_operators (id, name, issuer, subject) VALUES ('" +
                       nth<UserId>(7).to_string() + "', 'Olga', 'i', 'olga')");
    fixture.olga.id = nth<UserId>(7).to_string();
    REQUIRE(run(fixture.people->add_key(
                fixture.ballet, {nth<ApiKeyId>(1), "k", some({"agents.read"}), hash_of("k"), "last", {}, {}},
                at(0), fixture.olga)) == Told::done);
    CHECK(run(fixture.sign_in->find_key(hash_of("k"), at(1))));
    fixture.test.query("UPDATE platform_operators SET active = false");
    CHECK_FALSE(run(fixture.sign_in->find_key(hash_of("k"), at(1))));
}

TEST_CASE("a key's id stands for one secret, and a shop has a thousand that open, which all are listed") {
    PeopleFixture fixture;
    const auto add = [&](int n, const std::string& secret) {
        return run(fixture.people->add_key(
            fixture.ballet, {nth<ApiKeyId>(n), "k", some({"agents.read"}), hash_of(secret), "last", {}, {}},
            at(n), fixture.olga));
    };
    CHECK(add(1, "one") == Told::done);
    CHECK(add(1, "one") == Told::done);  // asked twice
    CHECK(add(1, "drawn anew") == Told::taken);
    const auto fill = [&](int from, const std::string& revoked) {
        fixture.test.query(fmt::format(
            "INSERT INTO api_keys (tenant_id, id, name, scopes, hash, last4, created_at, revoked_at) "
            "SELECT {}, gen_random_uuid(), 'k', '{{}}', sha256(n::text::bytea), 'last', now(), {} "
            "FROM generate_series({}, {}) AS n",
            fixture.ballet.value, revoked, from, from + 998));
    };
    fill(0, "now()");
    fill(1'000, "now()");
    const auto listed = [&] {
        const auto rows = run(fixture.people->keys(fixture.ballet));
        return std::ranges::count(rows, nth<ApiKeyId>(1), &KeyRow::id) == 1;
    };
    CHECK(listed());  // though newer ones were revoked
    fill(2'000, "NULL");
    CHECK(listed());
    CHECK(add(2, "two") == Told::too_many);
    fixture.test.query("UPDATE api_keys SET expires_at = to_timestamp(0) WHERE id <> '" +
                       nth<ApiKeyId>(1).to_string() + "'");
    CHECK(add(2, "two") == Told::done);
}

TEST_CASE("keys of several shops in one batch open each its own") {
    PeopleFixture fixture(1);
    for (int n = 1; n <= 40; ++n) {
        const TenantId tenant = n % 2 == 0 ? fixture.ballet : fixture.other;
        REQUIRE(run(fixture.people->add_key(tenant,
                                            {nth<ApiKeyId>(n),
                                             std::to_string(n),
                                             some({"agents.read"}),
                                             hash_of("key " + std::to_string(n)),
                                             "last",
                                             {},
                                             {}},
                                            at(0), fixture.olga)) == Told::done);
    }
    std::vector<std::pair<TenantId, std::string>> requests;
    for (int round = 0; round < 10; ++round) {
        for (int n = 1; n <= 40; ++n) {
            // whatever tenant the batch is at, the key's own counts
            requests.emplace_back(
                n % 3 == 0 ? fixture.ballet : TenantId{},
                JsonObject().text("hash", hash_of("key " + std::to_string(n)).hex).time("now", at(1)).str());
        }
    }
    const auto results = run(fixture.database.call_all("find_api_key", requests));
    for (std::size_t i = 0; i < results.size(); ++i) {
        const int n = static_cast<int>(i % 40) + 1;
        const Json key = Json::parse(results[i]);
        REQUIRE(key.text("name") == std::to_string(n));
        REQUIRE(TenantId{key.number("tenant")} == (n % 2 == 0 ? fixture.ballet : fixture.other));
    }
}
