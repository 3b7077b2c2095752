#include "stages/settle.hpp"

#include <doctest/doctest.h>

#include "domain/records.hpp"
#include "tests/stages/fakes.hpp"

namespace relevo {
namespace {

struct ScriptedStore final : SettleStore {
    Task<std::optional<Account>> find_account(std::string, std::string, EndpointId) override {
        co_return account;
    }
    Task<Settled> settle(Account, Receipt receipt, SysTime) override {
        settled.push_back(receipt.provider_id);
        co_return Settled{state, {}};
    }
    std::optional<Account> account = Account{{7}, {}, "whatsapp", "1065", {3}, {}, {EndpointId{5}}, false};
    Settled::State state = Settled::State::moved;
    std::vector<std::string> settled;
};

struct Fixture {
    Outcome run() {
        Receipt receipt;
        receipt.account = "1065";
        receipt.provider_id = "wamid.out";
        receipt.status = ReceiptStatus::delivered;
        return run_stage(settle, {envelope_of(to_record(ReceiptReceived{"whatsapp", scope, receipt}))},
                         clock);
    }
    SimClock clock;
    ScriptedStore store;
    RecordingLive live;
    Settle settle{store, live, clock};
    EndpointId scope{3};
};

}  // namespace

TEST_CASE("a receipt that moves a delivery is told to whoever watches") {
    Fixture it;
    CHECK(std::holds_alternative<Emit>(it.run()));
    CHECK(it.store.settled == std::vector<std::string>{"wamid.out"});
    CHECK(it.live.told.size() == 1);
}

TEST_CASE("late receipts and those of others are dropped with their reason") {
    Fixture it;
    it.store.state = Settled::State::stale;
    CHECK(std::get<Drop>(it.run()).reason == "receipt came late or twice");
    it.store.state = Settled::State::not_ours;
    CHECK(std::get<Drop>(it.run()).reason == "receipt of a message that is not ours");
    CHECK(it.live.told.empty());
}

TEST_CASE("a receipt through an address that the account has left still counts") {
    Fixture it;
    it.scope = {5};
    CHECK(std::holds_alternative<Emit>(it.run()));
}

TEST_CASE("a receipt speaks for the accounts of the address that verified it, and no other") {
    Fixture it;
    it.scope = {4};
    CHECK_THROWS_AS(it.run(), Failure);
    it.store.account.reset();
    CHECK_THROWS_AS(it.run(), Failure);
    CHECK(it.store.settled.empty());
}

}  // namespace relevo
