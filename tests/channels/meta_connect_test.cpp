#include "channels/meta_connect.hpp"

#include <doctest/doctest.h>

#include "fake_meta.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

constexpr Millis day{24LL * 3'600'000};

std::string code_of(const auto& result) {
    return result.has_value() ? std::string() : result.error().code;
}

}  // namespace

TEST_CASE("a sign-in at Meta puts a token of sixty days into the vault, and forgets the short one") {
    MetaWorld it;
    const auto start = it.begin();
    REQUIRE(start.has_value());
    const auto connection = it.redeem(*start);
    REQUIRE(connection.has_value());
    CHECK(connection->status == "connected");
    CHECK(*connection->token_expires_at == it.clock.time + 60 * day);
    CHECK(*connection->refresh_at == it.clock.time + 53 * day);
    REQUIRE(it.store.vault.size() == 1);
    CHECK(it.store.vault.begin()->first.second == "meta/ACCESS_TOKEN");
    CHECK(it.store.vault.begin()->second.starts_with("long-token"));
    CHECK(it.told == std::vector<std::string>{"connected "});
    // sent again it asks Meta nothing
    const auto asked = it.meta.calls.size();
    CHECK(it.redeem(*start).has_value());
    CHECK(it.meta.calls.size() == asked);
}

TEST_CASE("a sign-in is ended by whoever began it, with its state, in time and with a good code") {
    MetaWorld it;
    const auto start = it.begin();
    CHECK(code_of(it.redeem(*start, "good", "user:bo")) == "meta.foreign_state");
    CHECK(code_of(it.redeem(*start, "good", "user:ana", "forged")) == "meta.foreign_state");
    CHECK(code_of(run(it.connect.redeem({2}, start->id, "user:ana", Secret(MetaWorld::state_of(*start)),
                                        Secret("good"), {}))) == "meta.unknown_connection");
    CHECK(it.meta.calls.empty());
    CHECK(code_of(it.redeem(*start, "bad")) == "meta.bad_code");
    CHECK(it.look(*start).status == "started");
    it.clock.time += Millis{16 * 60'000};
    CHECK(code_of(it.redeem(*start)) == "meta.late");
    it.settings.redirect_uri.clear();
    CHECK(code_of(it.begin()) == "meta.not_configured");
}

TEST_CASE("what the token controls is claimed, subscribed to our address and registered") {
    MetaWorld it;
    const auto start = it.begin();
    REQUIRE(it.redeem(*start).has_value());
    const auto account = it.claim(*start);
    REQUIRE(account.has_value());
    CHECK(account->step == "ready");
    CHECK(it.meta.subscribed == std::set<std::string>{"https://graph.facebook.com/v23.0/77/subscribed_apps"});
    // the number alone: its business account's others may be another shop's
    REQUIRE(it.meta.directed.size() == 1);
    CHECK(it.meta.directed.begin()->first == "https://graph.facebook.com/v23.0/1001");
    CHECK(it.meta.directed.begin()->second.find(
              "https://relevo.example/webhooks/whatsapp/0123456789abcdef") != std::string::npos);
    CHECK(it.meta.registered == std::set<std::string>{"https://graph.facebook.com/v23.0/1001/register"});
    const auto in_vault = [&](const std::string& place) { return it.store.vault[{it.shop, place}]; };
    CHECK(in_vault("whatsapp_cloud/APP_SECRET") == "app secret");
    CHECK(in_vault("whatsapp_cloud/ACCESS_TOKEN") == in_vault("meta/ACCESS_TOKEN"));
    CHECK(in_vault("whatsapp_cloud/VERIFY_TOKEN").size() == 32);
    CHECK(in_vault("whatsapp_cloud/PIN_1001").size() == 6);
    // a page sends with a token of its own
    CHECK(it.claim(*start, "messenger", "555")->step == "ready");
    CHECK(in_vault("messenger/ACCESS_TOKEN_555") == "page-token");
}

TEST_CASE("what the token does not control, and what another shop has, is not claimed") {
    MetaWorld it;
    const auto start = it.begin();
    REQUIRE(it.redeem(*start).has_value());
    CHECK(code_of(it.claim(*start, "whatsapp", "2002")) == "meta.not_controlled");
    CHECK(code_of(it.claim(*start, "instagram", "1001")) == "meta.not_controlled");
    it.store.taken[account_id("whatsapp", "1001")] = {2};
    CHECK(code_of(it.claim(*start)) == "meta.taken");
    CHECK(it.meta.subscribed.empty());
    CHECK(code_of(it.claim(*start, "whatsapp", "1001", {2})) == "meta.unknown_connection");
    // its webhooks could not be verified any more
    it.store.taken.clear();
    it.store.vault[{it.shop, "whatsapp_cloud/APP_SECRET"}] = "of an app of its own";
    CHECK(code_of(it.claim(*start)) == "meta.other_app");
    // nor could its other numbers send
    it.store.vault.erase({it.shop, "whatsapp_cloud/APP_SECRET"});
    it.store.vault[{it.shop, "whatsapp_cloud/ACCESS_TOKEN"}] = "of a system user";
    CHECK(code_of(it.claim(*start)) == "meta.other_token");
}

TEST_CASE("a page is controlled by whoever may have it subscribed, not by whoever sees its statistics") {
    MetaWorld it;
    const auto start = it.begin();
    REQUIRE(it.redeem(*start).has_value());
    CHECK(code_of(it.claim(*start, "messenger", "556")) == "meta.not_controlled");
    CHECK(it.claim(*start, "messenger", "555").has_value());
}

TEST_CASE("a connection that another replaced is never worked at again, and holds up nobody") {
    MetaWorld it;
    const auto first = it.begin();
    REQUIRE(it.redeem(*first).has_value());
    it.meta.codes = {"good"};
    const auto second = it.begin();
    REQUIRE(it.redeem(*second).has_value());
    CHECK(it.look(*first).status == "replaced");
    REQUIRE(it.redeem(*first).has_value());  // the page is loaded again
    CHECK_FALSE(it.store.rows.at({it.shop, first->id}).due_at);
    // what held it when it was replaced
    auto& row = it.store.rows.at({it.shop, first->id});
    run(it.store.settle({it.shop, first->id, row.life}, std::nullopt, std::nullopt, {}));
    CHECK_FALSE(row.due_at);
    it.clock.time += 53 * day;
    CHECK(run(it.connect.work_due()) == 1);
    CHECK(it.told.back() == "refreshed ");
    CHECK(run(it.connect.work_due()) == 0);
}

TEST_CASE("a connection that was refused keeps saying why, whoever sends its code again") {
    MetaWorld it;
    const auto start = it.begin();
    REQUIRE(it.redeem(*start).has_value());
    it.clock.time += 53 * day;
    it.meta.refusal = graph_error(401, 190, 463);
    REQUIRE(run(it.connect.work_due()) == 1);
    CHECK(it.redeem(*start)->code == "meta.bad_token");
    CHECK(it.look(*start).code == "meta.bad_token");
    CHECK(run(it.connect.work_due()) == 0);
}

TEST_CASE("a short token that Meta does not lengthen is not kept") {
    MetaWorld it;
    const auto start = it.begin();
    run(it.store.keep_code(it.shop, start->id, {"meta", "TOKEN_" + start->id.to_string(), Secret("short")},
                           it.clock.time, {}));
    it.meta.refusal = graph_error(401, 190, 463);
    REQUIRE(run(it.connect.work_due()) == 1);
    CHECK(it.look(*start).status == "refused");
    CHECK(it.store.vault.empty());
}

TEST_CASE("a sign-in that does not control what the shop serves with does not replace the one that does") {
    MetaWorld it;
    const auto first = it.begin();
    REQUIRE(it.redeem(*first).has_value());
    REQUIRE(it.claim(*first)->step == "ready");
    const auto token = it.store.vault[{it.shop, "whatsapp_cloud/ACCESS_TOKEN"}];
    it.meta.codes = {"good"};
    it.meta.controls = false;
    const auto colleague = it.begin();
    CHECK(it.redeem(*colleague)->code == "meta.other_assets");
    CHECK(it.look(*colleague).status == "refused");
    CHECK(it.look(*first).status == "connected");
    CHECK(it.store.vault[{it.shop, "whatsapp_cloud/ACCESS_TOKEN"}] == token);
    it.meta.codes = {"good"};
    it.meta.controls = true;
    const auto again = it.begin();
    CHECK(it.redeem(*again)->status == "connected");
    CHECK(it.look(*first).status == "replaced");
    CHECK(it.store.vault[{it.shop, "whatsapp_cloud/ACCESS_TOKEN"}] != token);
}

TEST_CASE("the app's secret is written anew where the operator changed it, and all accounts are ours") {
    MetaWorld it;
    const auto start = it.begin();
    REQUIRE(it.redeem(*start).has_value());
    REQUIRE(it.claim(*start).has_value());
    const auto in_vault = [&] { return it.store.vault[{it.shop, "whatsapp_cloud/APP_SECRET"}]; };
    it.settings.facebook.secret = Secret("second secret");
    CHECK(it.claim(*start).has_value());
    CHECK(in_vault() == "second secret");
    it.settings.facebook.secret = Secret("third secret");
    it.clock.time += 53 * day;
    REQUIRE(run(it.connect.work_due()) == 1);
    CHECK(in_vault() == "third secret");
    it.store.other_apps = {"whatsapp"};
    it.settings.facebook.secret = Secret("fourth secret");
    CHECK(code_of(it.claim(*start)) == "meta.other_app");
    CHECK(in_vault() == "third secret");
}

TEST_CASE("a vault that does not open holds up no other shop, and its own is tried again") {
    MetaWorld it;
    const auto first = it.begin();
    REQUIRE(it.redeem(*first).has_value());
    it.meta.codes = {"good"};
    const auto other = run(it.connect.begin({2}, MetaKind::facebook, "user:bo", {}));
    REQUIRE(run(it.connect.redeem({2}, other->id, "user:bo", Secret(MetaWorld::state_of(*other)),
                                  Secret("good"), {}))
                .has_value());
    it.store.sealed = {it.shop};
    it.clock.time += 53 * day;
    CHECK(run(it.connect.work_due()) == 2);
    CHECK(it.look(*first).status == "connected");
    CHECK(it.look(*first).code == "vault.sealed_otherwise");
    CHECK(it.store.rows.at({{2}, other->id}).connection.code == "");
    CHECK(run(it.connect.work_due()) == 0);
    it.store.sealed.clear();
    it.clock.time += Millis{60'000};
    CHECK(run(it.connect.work_due()) == 1);
    CHECK(it.look(*first).code == "");
}

TEST_CASE(
    "a token is replaced a week before its end, by one worker, and the channel sends with the new one") {
    MetaWorld it;
    const auto start = it.begin();
    REQUIRE(it.redeem(*start).has_value());
    REQUIRE(it.claim(*start).has_value());
    const auto before = it.store.vault[{it.shop, "meta/ACCESS_TOKEN"}];
    it.clock.time += 53 * day - Millis{1};
    CHECK(run(it.connect.work_due()) == 0);
    it.clock.time += Millis{1};
    // somebody else is at it
    REQUIRE(run(it.store.lease(it.shop, start->id, it.clock.time, it.clock.time + Millis{60'000})));
    CHECK(run(it.connect.work_due()) == 0);
    it.clock.time += Millis{60'000};
    CHECK(run(it.connect.work_due()) == 1);
    const auto after = it.store.vault[{it.shop, "meta/ACCESS_TOKEN"}];
    CHECK(after != before);
    CHECK(it.store.vault[{it.shop, "whatsapp_cloud/ACCESS_TOKEN"}] == after);
    CHECK(*it.look(*start).token_expires_at == it.clock.time + 60 * day);
    CHECK(run(it.connect.work_due()) == 0);
}

TEST_CASE("Meta that is away is asked again, ever later, until the token's end") {
    MetaWorld it;
    const auto start = it.begin();
    REQUIRE(it.redeem(*start).has_value());
    it.clock.time += 53 * day;
    it.meta.away = 1'000'000;
    Millis pause{0};
    int tries = 0;
    while (it.look(*start).status == "connected") {
        REQUIRE(run(it.connect.work_due()) == 1);
        ++tries;
        const auto due = it.store.rows.at({it.shop, start->id}).due_at;
        if (!due) break;
        CHECK(*due - it.clock.time >= pause);
        pause = *due - it.clock.time;
        it.clock.time = *due;
    }
    CHECK(it.look(*start).code == "meta.expired");
    CHECK(tries < 100);
    CHECK(it.told.back() == "refused meta.expired");
    // and one that comes back in time is well again
    MetaWorld other;
    const auto second = other.begin();
    REQUIRE(other.redeem(*second).has_value());
    other.clock.time += 53 * day;
    other.meta.away = 1;
    CHECK(run(other.connect.work_due()) == 1);
    CHECK(other.look(*second).attempts == 1);
    other.clock.time += Millis{60'000};
    CHECK(run(other.connect.work_due()) == 1);
    CHECK(other.look(*second).code == "");
    CHECK(other.told.back() == "refreshed ");
}

TEST_CASE("a token that was taken back is refused once, and asked about no more") {
    MetaWorld it;
    const auto start = it.begin();
    REQUIRE(it.redeem(*start).has_value());
    it.clock.time += 53 * day;
    it.meta.refusal = graph_error(401, 190, 463);
    CHECK(run(it.connect.work_due()) == 1);
    CHECK(it.look(*start).status == "refused");
    CHECK(it.look(*start).code == "meta.bad_token");
    CHECK(it.told.back() == "refused meta.bad_token");
    it.clock.time += 100 * day;
    CHECK(run(it.connect.work_due()) == 0);
    CHECK(code_of(run(it.connect.assets(it.shop, start->id))) == "meta.not_connected");
}

TEST_CASE("a number with another PIN waits for its people, and the connection goes on") {
    MetaWorld it;
    const auto start = it.begin();
    REQUIRE(it.redeem(*start).has_value());
    it.meta.known_pin = true;
    const auto refused = it.claim(*start);
    REQUIRE(refused.has_value());
    CHECK(refused->step == "subscribed");
    CHECK(refused->code == "meta.wrong_pin");
    CHECK(it.look(*start).status == "connected");
    it.meta.known_pin = false;
    CHECK(it.claim(*start)->step == "ready");
}

TEST_CASE("whatever a crash cuts off is gone on with, or begun again where Meta takes a code but once") {
    const auto whole = [](MetaWorld& it, std::optional<MetaStart>& start) {
        const auto begun = it.begin();
        start = *begun;
        static_cast<void>(it.redeem(*start));
        static_cast<void>(it.claim(*start));
    };
    MetaWorld uncut;
    std::optional<MetaStart> ignored;
    whole(uncut, ignored);
    const int all = uncut.steps.taken;
    REQUIRE(all > 20);
    for (int n = 0; n < all; ++n) {
        CAPTURE(n);
        MetaWorld it;
        std::optional<MetaStart> start;
        it.steps.crash_at = n;
        CHECK_THROWS_AS(whole(it, start), Crash);
        it.steps.crash_at = -1;
        // the next process: what the lease held is free, and the browser sends again what it has
        it.clock.time += Millis{5 * 60'000};
        run(it.connect.work_due());
        if (!start) start = *it.begin();
        const auto again = it.redeem(*start);
        if (!again.has_value()) {
            CHECK(again.error().code == "meta.bad_code");
            it.meta.codes = {"good"};
            start = *it.begin();
            REQUIRE(it.redeem(*start).has_value());
        }
        CHECK(it.look(*start).status == "connected");
        it.clock.time += Millis{5 * 60'000};
        run(it.connect.work_due());
        if (it.look(*start).accounts.empty()) {
            REQUIRE(it.claim(*start).has_value());
        }
        REQUIRE(it.look(*start).accounts.size() == 1);
        CHECK(it.look(*start).accounts.front().step == "ready");
        CHECK(it.meta.registered.size() == 1);
    }
}

TEST_CASE("what somebody has just made due is theirs to work at, and the worker's where they leave it") {
    MetaWorld it;
    const auto start = it.begin();
    run(it.store.keep_code(it.shop, start->id, {"meta", "TOKEN_" + start->id.to_string(), Secret("short")},
                           it.clock.time, {}));
    it.clock.time += Millis{1'999};
    CHECK(run(it.connect.work_due(Millis{2'000})) == 0);
    it.clock.time += Millis{1};
    CHECK(run(it.connect.work_due(Millis{2'000})) == 1);
    CHECK(it.look(*start).status == "connected");
}

TEST_CASE("the worker looks as often as its settings say") {
    struct EndingClock final : Clock {
        SysTime now() const override { return from_millis(1'780'000'000'000); }
        Task<void> sleep_until(SysTime when) override {
            waits.push_back(when - now());
            if (waits.size() == 2) throw Crash{};
            co_return;
        }
        std::vector<Millis> waits;
    };
    MetaWorld it;
    EndingClock clock;
    it.settings.look_every = Millis{7'000};
    MetaConnect connect({it.settings, it.graph, it.store, clock, it.random, [](auto, auto) {}});
    CHECK_THROWS_AS(run(connect.keep()), Crash);
    CHECK(clock.waits == std::vector<Millis>{Millis{7'000}, Millis{7'000}});
}
