#include "stages/buffer.hpp"

#include <doctest/doctest.h>

#include "domain/records.hpp"
#include "tests/stages/fakes.hpp"

namespace relevo {
namespace {

struct ScriptedStore final : BufferStore {
    Task<TurnClaim> claim_turn(TenantId tenant, ConversationId, std::vector<MessageId> messages, SysTime,
                               int max_open_turns) override {
        if (away) throw Failure({Fault::transient, "postgres.unavailable", "away"});
        asked_tenant = tenant;
        asked = std::move(messages);
        most = max_open_turns;
        co_return claim;
    }
    Task<void> expire(TenantId tenant, ConversationId, std::vector<MessageId> messages, SysTime) override {
        asked_tenant = tenant;
        expired = std::move(messages);
        co_return;
    }
    TurnClaim claim;
    TenantId asked_tenant;
    std::vector<MessageId> asked;
    std::vector<MessageId> expired;
    int most = 0;
    bool away = false;
};

struct Fixture {
    Envelope message(std::uint8_t n, Millis lives = Millis{3'600'000}) {
        MessageResolved resolved{{7}, {}, {}, n, {Millis{2'500}, Millis{10'000}, 5}};
        resolved.message.bytes[0] = n;
        Record record = to_record(resolved);
        record.headers.installation = "here";
        record.headers.expires = clock.now() + lives;
        return envelope_of(record);
    }
    Task<void> note(Offset offset, std::string code) {
        aside.emplace_back(offset.value, std::move(code));
        co_return;
    }
    SimClock clock;
    ScriptedStore store;
    std::vector<std::pair<std::int64_t, std::string>> aside;
    Buffer buffer{
        store, [this](const Envelope& record, const Error& error) { return note(record.offset, error.code); },
        clock, 500};
};

Envelope unreadable() {
    Envelope out = envelope_of({"messages.resolved", "7:x", "nonsense", {}});
    out.offset = Offset{41};
    return out;
}

}  // namespace

TEST_CASE("a burst becomes the turn that the ledger says") {
    Fixture it;
    it.store.claim = {TurnClaim::State::claimed, turn_id({}, {})};
    const Outcome outcome = run_stage(it.buffer, {it.message(1), it.message(2), it.message(3)}, it.clock);
    CHECK(it.store.asked.size() == 3);
    CHECK(it.store.asked_tenant == TenantId{7});
    CHECK(it.store.most == 500);
    const auto& emit = std::get<Emit>(outcome);
    REQUIRE(emit.records.size() == 1);
    CHECK(emit.records.front().topic == topics::turns_ready);
    const auto step = decode_turn_step(emit.records.front().value).value();
    CHECK(step.turn == it.store.claim.turn);
    CHECK(step.step == 0);
}

TEST_CASE("the window is that of the agent who answers") {
    Fixture it;
    const BurstPolicy window = it.buffer.window(it.message(1));
    CHECK(window.quiet == Millis{2'500});
    CHECK(window.max_wait == Millis{10'000});
    CHECK(window.max_count == 5);
}

TEST_CASE("a record that cannot be read has some window, and fails when it is handled alone") {
    Fixture it;
    CHECK(it.buffer.window(unreadable()).quiet == BurstPolicy{}.quiet);
    CHECK_THROWS_AS(run_stage(it.buffer, {unreadable(), unreadable()}, it.clock), Failure);
    CHECK(it.aside.empty());
}

TEST_CASE("of a burst with an unreadable record that one is set aside, and the others become the turn") {
    Fixture it;
    it.store.claim = {TurnClaim::State::claimed, turn_id({}, {})};
    const std::vector<Envelope> burst{unreadable(), it.message(1), it.message(2)};
    CHECK(std::get<Emit>(run_stage(it.buffer, burst, it.clock)).records.size() == 1);
    CHECK(it.store.asked.size() == 2);
    CHECK(it.aside == std::vector<std::pair<std::int64_t, std::string>>{{41, "record.malformed"}});
    it.store.claim = {TurnClaim::State::too_many, {}};
    CHECK(std::holds_alternative<Park>(run_stage(it.buffer, burst, it.clock)));
    CHECK(it.aside.size() == 2);
}

TEST_CASE("an unreadable record stays with its burst while the ledger is away: the burst comes again") {
    Fixture it;
    it.store.away = true;
    CHECK_THROWS_AS(run_stage(it.buffer, {unreadable(), it.message(1)}, it.clock), Failure);
    CHECK(it.aside.empty());
}

TEST_CASE("a burst that has expired is accounted for, and opens no turn") {
    Fixture it;
    const Outcome outcome =
        run_stage(it.buffer, {it.message(1, Millis{-2}), it.message(2, Millis{-1})}, it.clock);
    CHECK(std::get<Drop>(outcome).reason == "expired");
    CHECK(it.store.expired.size() == 2);
    CHECK(it.store.asked_tenant == TenantId{7});
    CHECK(it.store.asked.empty());
}

TEST_CASE("a burst with an expired message lives as long as the message that lives longest") {
    Fixture it;
    it.store.claim = {TurnClaim::State::claimed, turn_id({}, {})};
    const std::vector<Envelope> burst{it.message(1, Millis{-1}), it.message(2, Millis{900}),
                                      it.message(3, Millis{800})};
    const Outcome outcome = run_stage(it.buffer, burst, it.clock);
    CHECK(it.store.asked.size() == 3);
    CHECK(std::get<Emit>(outcome).records.front().headers.expires == it.clock.now() + Millis{900});
    it.store.claim = {TurnClaim::State::too_many, {}};
    const Outcome later = run_stage(it.buffer, burst, it.clock);
    CHECK(std::get<Park>(later).timer.record.headers.expires == it.clock.now() + Millis{900});
}

TEST_CASE("messages that a human has are dropped with that reason") {
    Fixture it;
    it.store.claim = {TurnClaim::State::none, {}};
    CHECK(std::get<Drop>(run_stage(it.buffer, {it.message(1)}, it.clock)).reason == "nothing left to answer");
}

TEST_CASE("a tenant with too many open turns waits as a timer, not as an unsettled record") {
    Fixture it;
    it.store.claim = {TurnClaim::State::too_many, {}};
    // the last one is a redelivery, which may belong to a turn already
    const Outcome outcome = run_stage(it.buffer, {it.message(1), it.message(3), it.message(2)}, it.clock);
    const auto& park = std::get<Park>(outcome);
    CHECK(park.timer.due > it.clock.now());
    CHECK(park.timer.record.topic == topics::messages_resolved);
    CHECK(park.timer.record.headers.installation == "here");
    CHECK(decode_message_resolved(park.timer.record.value).value().seq == 3);
}

}  // namespace relevo
