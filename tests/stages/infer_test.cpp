#include "stages/infer.hpp"

#include <doctest/doctest.h>

#include "domain/records.hpp"
#include "tests/stages/fakes.hpp"

namespace relevo {
namespace {

struct ScriptedStore final : InferStore {
    Task<Inference> load(TenantId, TurnId, int) override { co_return inference; }
    Task<std::vector<ReplyId>> commit_answer(TenantId, TurnId turn, int, Completion,
                                             std::vector<std::string> its_bubbles, SysTime) override {
        bubbles = its_bubbles;
        std::vector<ReplyId> ids;
        for (std::size_t n = 0; wins && n < bubbles.size(); ++n)
            ids.push_back(agent_reply_id(turn, static_cast<int>(n)));
        co_return ids;
    }
    Task<std::vector<ReplyId>> fail_turn(TenantId, TurnId, std::string its_code, SysTime) override {
        code = its_code;
        co_return failed;
    }
    Task<void> drop_turn(TenantId, TurnId, std::string reason, SysTime) override {
        dropped = reason;
        co_return;
    }
    Inference inference;
    std::vector<std::string> bubbles;
    std::vector<ReplyId> failed;
    std::string code;
    std::string dropped;
    bool wins = true;
};

struct FakeModel final : ModelProvider {
    FakeModel(std::optional<Error>& its_error, std::string& its_text, int& its_calls)
        : error(its_error), text(its_text), calls(its_calls) {}
    std::string_view name() const override { return "fake"; }
    std::string_view credentials() const override { return "fake"; }
    Task<Result<Completion>> complete(Prompt prompt, DeltaSink delta) override {
        ++calls;
        CHECK(prompt.key.reveal() == "fake/API_KEY");
        delta("Hola. ");
        if (error) co_return *error;
        delta("\n\nTenemos puntas.");
        Completion completion;
        completion.text = text;
        co_return completion;
    }
    std::optional<Error>& error;
    std::string& text;
    int& calls;
};

struct Fixture {
    Fixture() {
        store.inference.agent.provider = "fake";
        store.inference.channel = "web";
        store.inference.epoch = 4;
    }
    static std::vector<std::unique_ptr<ModelProvider>> list(std::optional<Error>& error, std::string& text,
                                                            int& calls) {
        std::vector<std::unique_ptr<ModelProvider>> out;
        out.push_back(std::make_unique<FakeModel>(error, text, calls));
        return out;
    }
    Envelope request() {
        Record record = to_record(TurnStep{{7}, {}, {}, 0}, topics::inferences_requested);
        record.headers.expires = expires;
        return envelope_of(record);
    }
    Outcome run() { return run_stage(infer, {request()}, clock); }

    SimClock clock;
    SysTime expires = clock.now() + Millis{3'600'000};
    ScriptedStore store;
    std::optional<Error> error;
    std::string text = "Hola.\n\nTenemos puntas.";
    int calls = 0;
    ModelProviders models{list(error, text, calls)};
    Channels channels{{}};
    FixedVault vault;
    RecordingLive live;
    Infer infer{store, models, channels, vault, live, clock};
};

}  // namespace

TEST_CASE("an answer is committed as bubbles, and each becomes a record in its order") {
    Fixture it;
    const Outcome outcome = it.run();
    CHECK(it.store.bubbles == std::vector<std::string>{"Hola.", "Tenemos puntas."});
    const auto& records = std::get<Emit>(outcome).records;
    REQUIRE(records.size() == 2);
    CHECK(decode_reply_ready(records[0].value).value().reply == agent_reply_id({}, 0));
    CHECK(decode_reply_ready(records[1].value).value().reply == agent_reply_id({}, 1));
    REQUIRE(it.live.told.size() == 2);  // the drafts
    CHECK(it.live.told.front().find("\"epoch\":4") != std::string::npos);
}

TEST_CASE("a turn that was answered before is not asked again: its own replies go out") {
    Fixture it;
    it.store.inference.state = Inference::State::answered;
    it.store.inference.replies = {agent_reply_id({}, 0), agent_reply_id({}, 1)};
    CHECK(std::get<Emit>(it.run()).records.size() == 2);
    CHECK(it.calls == 0);
}

TEST_CASE("a turn that is over or erased is not answered") {
    Fixture it;
    it.store.inference.state = Inference::State::over;
    it.store.inference.reason = "superseded";
    CHECK(std::get<Drop>(it.run()).reason == "superseded");
    it.store.inference.state = Inference::State::erased;
    CHECK(std::get<Drop>(it.run()).reason == "erased");
    CHECK(it.calls == 0);
}

TEST_CASE("a fallback that was decided before a crash is published again") {
    Fixture it;
    it.store.inference.state = Inference::State::over;
    it.store.failed = {agent_reply_id({}, 0)};
    CHECK(std::get<Emit>(it.run()).records.size() == 1);
    CHECK(it.calls == 0);
}

TEST_CASE("a turn that may not be answered any more asks no model, and is dropped with that reason") {
    Fixture it;
    it.error = Error{Fault::transient, "model.unavailable", "away"};
    CHECK_THROWS_AS(it.run(), Failure);
    it.expires = it.clock.now() - Millis{1};  // the next attempt
    CHECK(std::get<Drop>(it.run()).reason == "expired");
    CHECK(it.store.dropped == "expired");
    CHECK(it.calls == 1);
    CHECK(it.live.told.back().find("withdrawn") != std::string::npos);
}

TEST_CASE("bubbles of an answer that expired unpublished still go to the relay, which closes them") {
    Fixture it;
    it.expires = it.clock.now() - Millis{1};
    it.store.inference.state = Inference::State::answered;
    it.store.inference.replies = {agent_reply_id({}, 0)};
    CHECK(std::get<Emit>(it.run()).records.size() == 1);
    CHECK(it.store.dropped.empty());
}

TEST_CASE("an answer that came too late is withdrawn and not sent") {
    Fixture it;
    it.store.wins = false;
    CHECK(std::get<Drop>(it.run()).reason == "turn ended before its answer");
    CHECK(it.live.told.back().find("withdrawn") != std::string::npos);
}

TEST_CASE("a model that fails takes its draft back and says why") {
    Fixture it;
    it.error = Error{Fault::transient, "model.rate_limited", "slow down", Millis{30'000}};
    try {
        it.run();
        FAIL("nothing was thrown");
    } catch (const Failure& failure) {
        CHECK(failure.error().code == "model.rate_limited");
        CHECK(failure.error().retry_after == Millis{30'000});
    }
    CHECK(it.live.told.back().find("withdrawn") != std::string::npos);
    CHECK(it.store.bubbles.empty());
}

TEST_CASE("an answer without a text is a permanent fault: the customer gets the fallback, not silence") {
    Fixture it;
    it.text = " \n\n ";
    CHECK_THROWS_AS(it.run(), Failure);
    CHECK(it.store.bubbles.empty());
    CHECK(it.live.told.back().find("withdrawn") != std::string::npos);
}

TEST_CASE("a provider that this installation does not have is a permanent fault that names the agent") {
    Fixture it;
    it.store.inference.agent.name = "Marta";
    it.store.inference.agent.provider = "elsewhere";
    try {
        it.run();
        FAIL("nothing was thrown");
    } catch (const Failure& failure) {
        CHECK(failure.error().fault == Fault::permanent);
        CHECK(failure.error().code == "model.unknown_provider");
        CHECK(failure.error().text.find("Marta") != std::string::npos);
    }
}

TEST_CASE("giving up fails the turn, so that the customer gets the fallback") {
    Fixture it;
    it.store.failed = {agent_reply_id({}, 0)};
    const std::vector<Envelope> records{it.request()};
    const Outcome outcome =
        run_task(it.infer.give_up(records, {Fault::permanent, "model.bad_key", "x"}), it.clock);
    CHECK(it.store.code == "model.bad_key");
    CHECK(std::get<Emit>(outcome).records.size() == 1);
}

}  // namespace relevo
