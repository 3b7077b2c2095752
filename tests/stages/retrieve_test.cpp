#include "stages/retrieve.hpp"

#include <doctest/doctest.h>

#include "domain/records.hpp"
#include "tests/stages/fakes.hpp"

namespace relevo {
namespace {

struct ScriptedStore final : RetrieveStore {
    Task<TurnText> turn_text(TenantId, TurnId) override { co_return text; }
    Task<std::vector<Passage>> search(TenantId, std::string asked, int limit) override {
        searched = asked;
        CHECK(limit > 0);
        co_return std::vector<Passage>{{"catalogue", "Puntas", "de media punta", 0.5}};
    }
    Task<void> freeze_step(TenantId, TurnId, std::vector<Passage> passages, SysTime) override {
        frozen = std::move(passages);
        co_return;
    }
    Task<std::vector<ReplyId>> fail_turn(TenantId, TurnId, std::string its_code, SysTime) override {
        code = its_code;
        co_return replies;
    }
    Task<void> drop_turn(TenantId, TurnId, std::string reason, SysTime) override {
        dropped = reason;
        co_return;
    }
    TurnText text{TurnText::State::live, "puntas"};
    std::string searched;
    std::string code;
    std::string dropped;
    std::vector<Passage> frozen;
    std::vector<ReplyId> replies;
};

struct Fixture {
    Envelope ready() {
        Record record = to_record(TurnStep{{7}, {}, {}, 0}, topics::turns_ready);
        record.headers.expires = expires;
        return envelope_of(record);
    }
    Outcome run() { return run_stage(retrieve, {ready()}, clock); }
    SimClock clock;
    SysTime expires = clock.now() + Millis{3'600'000};
    ScriptedStore store;
    RecordingLive live;
    Retrieve retrieve{store, live, clock};
};

std::vector<std::string> told_of_a_change() {
    RecordingLive live;
    tell_desk_changed(live, {7}, {});
    return live.told;
}

}  // namespace

TEST_CASE("what was found for the turn's own words is frozen before the model is asked") {
    Fixture it;
    const Outcome outcome = it.run();
    CHECK(it.store.searched == "puntas");
    REQUIRE(it.store.frozen.size() == 1);
    CHECK(it.store.frozen.front().title == "Puntas");
    REQUIRE(std::get<Emit>(outcome).records.size() == 1);
    CHECK(std::get<Emit>(outcome).records.front().topic == topics::inferences_requested);
}

TEST_CASE("a turn that is over or erased is not searched for") {
    Fixture it;
    it.store.text.state = TurnText::State::over;
    CHECK(std::get<Drop>(it.run()).reason == "turn is over");
    it.store.text.state = TurnText::State::erased;
    CHECK(std::get<Drop>(it.run()).reason == "erased");
    CHECK(it.store.searched.empty());
    CHECK(it.live.told.empty());
}

TEST_CASE("a turn that may not be answered any more is not searched for, and is dropped with that reason") {
    Fixture it;
    it.expires = it.clock.now() - Millis{1};
    CHECK(std::get<Drop>(it.run()).reason == "expired");
    CHECK(it.store.dropped == "expired");
    CHECK(it.store.searched.empty());
}

TEST_CASE("a fallback that was decided before a crash is published again") {
    Fixture it;
    it.store.text.state = TurnText::State::over;
    it.store.replies = {agent_reply_id({}, 0)};
    const Outcome outcome = it.run();
    REQUIRE(std::get<Emit>(outcome).records.size() == 1);
    CHECK(std::get<Emit>(outcome).records.front().topic == topics::replies_ready);
    // the crash may have come before whoever watches was told that a human is called
    CHECK(it.live.told == told_of_a_change());
}

TEST_CASE("giving up fails the turn, so that the customer gets the fallback, and tells who watches") {
    Fixture it;
    it.store.replies = {agent_reply_id({}, 0)};
    const std::vector<Envelope> records{it.ready()};
    const Outcome outcome =
        run_task(it.retrieve.give_up(records, {Fault::permanent, "stage.bug", "x"}), it.clock);
    CHECK(it.store.code == "stage.bug");
    CHECK(std::get<Emit>(outcome).records.size() == 1);
    CHECK(it.live.told == told_of_a_change());
    const std::vector<Envelope> unreadable{envelope_of({"turns.ready", "k", "{", {}})};
    const Outcome nothing =
        run_task(it.retrieve.give_up(unreadable, {Fault::permanent, "record.malformed", "x"}), it.clock);
    CHECK(std::holds_alternative<Drop>(nothing));
}

}  // namespace relevo
