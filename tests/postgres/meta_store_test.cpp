#include "postgres/meta_store.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "core/await.hpp"
#include "core/digest.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

constexpr Millis lease_for{60'000};

struct Connecting : Fixture {
    std::unique_ptr<MetaStore> store = make_meta_store(database, masters);
    const Actor ana{"user", "ana", "Ana", "trace", Permissions::all()};

    static MetaConnectionId nth(int n) {
        return *MetaConnectionId::parse(fmt::format("00000000-0000-4000-8000-{:012}", n));
    }
    void begin(TenantId tenant, int n, SysTime now = at(0)) {
        await(store->begin(tenant, nth(n), MetaKind::facebook, sha256_hex("state"), "user:ana", now,
                           now + Millis{600'000}, ana));
    }
    MetaLease lease(TenantId tenant, int n, SysTime now) {
        const auto given = run(store->lease(tenant, nth(n), now, now + lease_for));
        REQUIRE(given);
        return *given;
    }
    MetaLease connect(TenantId tenant, int n, SysTime now = at(0)) {
        begin(tenant, n, now);
        await(store->keep_code(tenant, nth(n), {"meta", "TOKEN", Secret("short")}, now, ana));
        const MetaLease held = lease(tenant, n, now);
        REQUIRE(run(store->keep_token(held, {{"meta", "ACCESS_TOKEN", Secret("lasting-canary")}},
                                      MetaSecret{"meta", "TOKEN", {}}, now + Millis{10'000'000},
                                      now + Millis{5'000'000})));
        settle(held);
        return held;
    }
    void settle(const MetaLease& held, std::optional<Error> error = {}, std::optional<SysTime> retry_at = {},
                MetaSecret forget = {}) {
        await(store->settle(held, std::move(error), retry_at, std::move(forget)));
    }
    MetaStore::Claim claim(TenantId tenant, int n, const std::string& number) {
        return run(store->claim(tenant, nth(n), {"whatsapp", number, "77", "+54"}, {}, at(1), ana));
    }
    MetaConnection look(TenantId tenant, int n) { return run(store->find(tenant, nth(n))).value(); }
};

}  // namespace

TEST_CASE("a connection is begun by one, and found by its shop with its state and caller only") {
    Connecting it;
    it.begin(it.ballet, 1);
    CHECK(run(it.store->began(it.ballet, it.nth(1), sha256_hex("state"), "user:ana")));
    CHECK_FALSE(run(it.store->began(it.ballet, it.nth(1), sha256_hex("other"), "user:ana")));
    CHECK_FALSE(run(it.store->began(it.ballet, it.nth(1), sha256_hex("state"), "user:bo")));
    CHECK_FALSE(run(it.store->began(it.other, it.nth(1), sha256_hex("state"), "user:ana")));
    CHECK_FALSE(run(it.store->find(it.other, it.nth(1))));
    CHECK(run(it.store->list(it.other)).empty());
    // nobody came back for it
    it.begin(it.ballet, 2, at(601));
    CHECK(run(it.store->list(it.ballet)).size() == 1);
}

TEST_CASE("the token that lasts takes the short one's place, in the transaction that says so") {
    Connecting it;
    it.connect(it.ballet, 1);
    CHECK(run(it.store->secret(it.ballet, "meta", "ACCESS_TOKEN")).reveal() == "lasting-canary");
    CHECK(run(it.store->secret(it.ballet, "meta", "TOKEN")).empty());
    CHECK(run(it.store->secret(it.other, "meta", "ACCESS_TOKEN")).empty());
    const auto now_is = it.look(it.ballet, 1);
    CHECK(now_is.status == "connected");
    CHECK(now_is.refresh_at == at(5'000));
    CHECK(it.test.query("SELECT DISTINCT actor_id FROM audit_log WHERE subject LIKE 'meta_connection:%' AND "
                        "after ->> 'status' = 'exchanged'") == "ana");
    CHECK(it.test.query("SELECT count(*) FROM audit_log AS a WHERE a::text LIKE '%canary%'") == "0");
}

TEST_CASE("one works at a connection at a time, and who held it before changes nothing any more") {
    Connecting it;
    const MetaLease first = it.connect(it.ballet, 1);
    const MetaLease held = it.lease(it.ballet, 1, at(10));
    CHECK_FALSE(run(it.store->lease(it.ballet, it.nth(1), at(10), at(70))));
    CHECK_FALSE(run(it.store->lease(it.other, it.nth(1), at(100), at(170))));
    const auto keep = [&](const MetaLease& lease) {
        return run(it.store->keep_token(lease, {{"meta", "ACCESS_TOKEN", Secret("newer")}}, std::nullopt,
                                        at(20'000), at(15'000)));
    };
    CHECK_FALSE(keep(first));
    CHECK(keep(held));
    it.settle(held);
    // due when its token is to be replaced, of all shops, once
    CHECK(run(it.store->lease_due(at(14'999), at(15'060), 10)).empty());
    const auto due = run(it.store->lease_due(at(15'000), at(15'060), 10));
    REQUIRE(due.size() == 1);
    CHECK(due.front().tenant == it.ballet);
    CHECK(run(it.store->lease_due(at(15'000), at(15'060), 10)).empty());
    it.settle(due.front(), Error{Fault::transient, "meta.unreachable", "away"}, at(15'100));
    CHECK(it.look(it.ballet, 1).attempts == 1);
    CHECK(run(it.store->lease_due(at(15'099), at(15'160), 10)).empty());
    const auto again = run(it.store->lease_due(at(15'100), at(15'160), 10));
    REQUIRE(again.size() == 1);
    it.settle(again.front(), Error{Fault::permanent, "meta.bad_token", "gone"});
    CHECK(it.look(it.ballet, 1).status == "refused");
    CHECK(run(it.store->lease_due(at(99'999), at(100'060), 10)).empty());
}

TEST_CASE("a connection that was replaced or refused is leased to nobody, and its end is as it was") {
    Connecting it;
    it.connect(it.ballet, 1);
    const MetaLease held = it.lease(it.ballet, 1, at(10));
    it.connect(it.ballet, 2, at(20));
    it.settle(held);  // it was worked at meanwhile
    CHECK(it.look(it.ballet, 1).status == "replaced");
    CHECK_FALSE(run(it.store->lease(it.ballet, it.nth(1), at(1'000), at(1'060))));
    auto due = run(it.store->lease_due(at(5'020), at(5'080), 10));
    REQUIRE(due.size() == 1);
    CHECK(due.front().id == it.nth(2));
    it.settle(due.front(), Error{Fault::permanent, "meta.bad_token", "gone"});
    CHECK_FALSE(run(it.store->lease(it.ballet, it.nth(2), at(6'000), at(6'060))));
    it.settle(due.front());
    CHECK(it.look(it.ballet, 2).code == "meta.bad_token");
    CHECK(it.look(it.ballet, 2).detail == "gone");
    it.test.query("UPDATE meta_connections SET due_at = refresh_at, leased_until = NULL");
    CHECK(run(it.store->lease_due(at(99'999), at(100'060), 10)).empty());
}

TEST_CASE("what a refused sign-in brought goes with it") {
    Connecting it;
    it.begin(it.ballet, 1);
    await(it.store->keep_code(it.ballet, it.nth(1), {"meta", "TOKEN_1", Secret("short")}, at(0), it.ana));
    const MetaLease held = it.lease(it.ballet, 1, at(1));
    it.settle(held, Error{Fault::transient, "meta.unreachable", "away"}, at(2), {"meta", "TOKEN_1", {}});
    CHECK(run(it.store->secret(it.ballet, "meta", "TOKEN_1")).reveal() == "short");
    it.settle(it.lease(it.ballet, 1, at(3)), Error{Fault::permanent, "meta.bad_token", "gone"}, {},
              {"meta", "TOKEN_1", {}});
    CHECK(run(it.store->secret(it.ballet, "meta", "TOKEN_1")).empty());
}

TEST_CASE("a shop's accounts of a channel are ours to keep up where a sign-in claimed each of them") {
    Connecting it;
    const auto rules = [&](const std::string& channel) { return run(it.store->rules(it.ballet, channel)); };
    it.connect(it.ballet, 1);
    CHECK_FALSE(rules("messenger"));
    REQUIRE(run(it.store->claim(it.ballet, it.nth(1), {"messenger", "555", "555", "Ballet"}, {}, at(1),
                                it.ana)) == MetaStore::Claim::done);
    CHECK(rules("messenger"));
    CHECK_FALSE(run(it.store->rules(it.other, "messenger")));
    // it has a number by its shop file
    CHECK(it.claim(it.ballet, 1, "5001") == MetaStore::Claim::done);
    CHECK_FALSE(rules("whatsapp"));
}

TEST_CASE("an account is one shop's in the installation, and only a connected one claims it") {
    Connecting it;
    it.begin(it.ballet, 1);
    CHECK(it.claim(it.ballet, 1, "5001") == MetaStore::Claim::not_connected);
    it.connect(it.ballet, 2);
    it.connect(it.other, 3);
    CHECK(it.claim(it.ballet, 2, "5001") == MetaStore::Claim::done);
    CHECK(it.claim(it.other, 3, "5001") == MetaStore::Claim::taken);
    CHECK(it.claim(it.other, 2, "5002") == MetaStore::Claim::not_connected);
    CHECK(it.claim(it.ballet, 2, "5001") == MetaStore::Claim::done);
    const auto account = account_id("whatsapp", "5001");
    CHECK_FALSE(run(it.store->address(it.ballet, account)).empty());
    CHECK(run(it.store->address(it.other, account)).empty());
    CHECK(it.account("whatsapp", "5001").tenant == it.ballet);
    // what was claimed is due until it is ready
    const auto due = run(it.store->lease_due(at(2), at(62), 10));
    REQUIRE(due.size() == 1);
    CHECK(run(it.store->step(due.front(), account, "ready", "", "", at(2))));
    it.settle(due.front());
    CHECK(run(it.store->lease_due(at(63), at(123), 10)).empty());
    CHECK(it.look(it.ballet, 2).accounts.front().step == "ready");
}

TEST_CASE("a later connection takes the place of the earlier one, and subscribes what that one had") {
    Connecting it;
    it.connect(it.ballet, 1);
    REQUIRE(it.claim(it.ballet, 1, "5001") == MetaStore::Claim::done);
    const auto held = it.lease(it.ballet, 1, at(100));
    REQUIRE(run(it.store->step(held, account_id("whatsapp", "5001"), "ready", "", "", at(100))));
    it.settle(held);
    it.connect(it.ballet, 2, at(200));
    CHECK(it.look(it.ballet, 1).status == "replaced");
    CHECK(it.look(it.ballet, 1).accounts.empty());
    const auto now_is = it.look(it.ballet, 2);
    REQUIRE(now_is.accounts.size() == 1);
    CHECK(now_is.accounts.front().step == "claimed");
}

TEST_CASE("an account that was ended keeps no connection due, until it is claimed again") {
    Connecting it;
    it.connect(it.ballet, 1);
    REQUIRE(it.claim(it.ballet, 1, "5001") == MetaStore::Claim::done);
    it.test.query("UPDATE accounts SET retired_at = now() WHERE external_id = '5001'");
    const auto due = run(it.store->lease_due(at(2), at(62), 10));
    REQUIRE(due.size() == 1);
    it.settle(due.front());
    CHECK(run(it.store->lease_due(at(63), at(123), 10)).empty());
    // what it had is the later connection's, the ended account, too
    it.connect(it.ballet, 2, at(200));
    CHECK(run(it.store->lease_due(at(300), at(360), 10)).empty());
    REQUIRE(it.claim(it.ballet, 2, "5001") == MetaStore::Claim::done);
    CHECK(run(it.store->lease_due(at(400), at(460), 10)).size() == 1);
}
