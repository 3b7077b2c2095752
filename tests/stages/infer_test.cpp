#include "stages/infer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>

#include "domain/records.hpp"
#include "tests/stages/fakes.hpp"

namespace relevo {
namespace {

struct ScriptedStore final : InferStore {
    Task<Inference> load(TenantId, TurnId, int) override { co_return inference; }
    Task<CallReservation> reserve_call(TenantId, TurnId, int, PlannedCall call, SysTime) override {
        reserved.push_back(call);
        if (reservations.empty()) co_return CallReservation{};
        const CallReservation next = reservations.front();
        reservations.pop_front();
        co_return next;
    }
    Task<void> settle_call(TenantId, TurnId, int, std::string its_code, Usage usage, SysTime,
                           int attempt) override {
        settled.push_back(attempt);
        in_vain.emplace_back(std::move(its_code), usage);
        co_return;
    }
    Task<std::vector<ReplyId>> commit_answer(TenantId, TurnId turn, int, Completion completion,
                                             std::vector<std::string> its_bubbles, SysTime) override {
        bubbles = its_bubbles;
        committed = std::move(completion);
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
    Completion committed;
    std::vector<ReplyId> failed;
    std::string code;
    std::string dropped;
    bool wins = true;
    std::vector<int> settled;                  // attempts that were in vain
    std::deque<CallReservation> reservations;  // then all are granted
    std::vector<PlannedCall> reserved;
    std::vector<std::pair<std::string, Usage>> in_vain;
};

struct FakeModel final : ModelProvider {
    FakeModel(std::optional<Error>& its_error, std::string& its_text, int& its_calls)
        : error(its_error), text(its_text), calls(its_calls) {}
    std::string_view name() const override { return "fake"; }
    std::string_view credentials() const override { return "fake"; }
    Task<Result<Completion>> complete(Prompt prompt, DeltaSink delta) override {
        ++calls;
        CHECK(prompt.key.reveal() == "fake/API_KEY");
        CHECK(prompt.question.find('@') == std::string::npos);
        delta("Hola. ");
        if (error) co_return *error;
        delta(tail);
        Completion completion;
        completion.text = text;
        completion.usage = {30, 7, true};
        co_return completion;
    }
    std::optional<Error>& error;
    std::string& text;
    int& calls;
    std::string tail = "\n\nTenemos puntas.";
};

// Answers as it was told to, one call after the other; then it answers well.
struct OtherModel final : ModelProvider {
    struct Turn {
        std::optional<Error> error{};
        Millis begins{0};
        Millis ends{0};
        bool silent = false;  // begins no answer
    };
    OtherModel(std::string its_name, std::deque<Turn>& its_turns, std::vector<std::string>& its_calls,
               SimClock& its_clock)
        : own_name(std::move(its_name)), turns(its_turns), calls(its_calls), clock(its_clock) {}
    std::string_view name() const override { return own_name; }
    std::string_view credentials() const override { return own_name; }
    Task<Result<Completion>> complete(Prompt prompt, DeltaSink delta) override {
        calls.push_back(prompt.model + " with " + prompt.key.reveal() + (prompt.bounded ? ", bounded" : ""));
        Turn turn;
        if (!turns.empty()) {
            turn = turns.front();
            turns.pop_front();
        }
        co_await clock.sleep_until(clock.now() + turn.begins);
        if (!turn.silent) delta("Hola. ");
        co_await clock.sleep_until(clock.now() + turn.ends);
        if (turn.error) co_return *turn.error;
        Completion completion;
        completion.text = "Hola de " + prompt.model + ".";
        co_return completion;
    }
    std::string own_name;
    std::deque<Turn>& turns;
    std::vector<std::string>& calls;
    SimClock& clock;
};

const Error away{Fault::transient, "model.unavailable", "away"};
const Error bad_key{Fault::permanent, "model.bad_key", "renew it"};

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

// An agent of model "first" with the fallback "second"; both are the other models'.
struct Fallback {
    Fallback() {
        auto& agent = it.store.inference.agent;
        agent.provider = "first";
        agent.model = "uno";
        agent.fallbacks = {{"second", "", "dos", ""}};
        it.store.failed = {agent_reply_id({}, 0)};
    }
    static std::vector<std::unique_ptr<ModelProvider>> list(Fallback& self) {
        std::vector<std::unique_ptr<ModelProvider>> out;
        out.push_back(std::make_unique<OtherModel>("first", self.first, self.calls, self.it.clock));
        out.push_back(std::make_unique<OtherModel>("second", self.second, self.calls, self.it.clock));
        return out;
    }
    Outcome run() { return run_stage(infer, {it.request()}, it.clock); }
    std::string failure() {
        try {
            run();
            return "none";
        } catch (const Failure& problem) {
            return problem.error().code;
        }
    }
    Fixture it;
    std::deque<OtherModel::Turn> first;
    std::deque<OtherModel::Turn> second;
    std::vector<std::string> calls;
    ModelProviders models{list(*this)};
    Infer infer{it.store, models, it.channels, it.vault, it.live, it.clock};
};

}  // namespace

TEST_CASE("where an agent's model fails for good its fallback answers, and the step says who did") {
    Fallback agent;
    agent.first = {{bad_key}};
    CHECK(std::holds_alternative<Emit>(agent.run()));
    CHECK(agent.calls == std::vector<std::string>{"uno with first/API_KEY", "dos with second/API_KEY"});
    CHECK(agent.it.store.bubbles == std::vector<std::string>{"Hola de dos."});
    const Completion& step = agent.it.store.committed;
    CHECK(step.provider == "second");
    REQUIRE(step.in_vain.size() == 1);
    CHECK(step.in_vain[0].provider == "first");
    CHECK(step.in_vain[0].model == "uno");
    CHECK(step.in_vain[0].code == "model.bad_key");
}

TEST_CASE("a blip is no reason to change the model, an outage is") {
    Fallback blip;
    blip.first = {{away}};
    blip.run();
    CHECK(blip.it.store.committed.provider == "first");
    CHECK(blip.it.store.committed.in_vain.empty());
    Fallback outage;
    outage.first = {{away}, {away}};
    outage.run();
    CHECK(outage.calls.size() == 3);
    CHECK(outage.it.store.committed.provider == "second");
    Fallback busy;
    busy.first = {{Error{Fault::transient, "model.rate_limited", "later", Millis{20'000}}}};
    busy.run();
    CHECK(busy.calls.size() == 2);
}

TEST_CASE(
    "a model that does not begin in time, or not end, gives way to the next, and its draft is withdrawn") {
    Fallback mute;
    mute.first = {{.begins = Millis{80'000}}};
    const SysTime began = mute.it.clock.now();
    mute.run();
    CHECK(mute.it.store.committed.provider == "second");
    CHECK(mute.it.clock.now() - began <= Millis{20'000});
    CHECK(mute.it.store.committed.in_vain.front().code == "model.timeout");
    Fallback slow;
    slow.first = {{.begins = Millis{1'000}, .ends = Millis{80'000}}};
    slow.run();
    CHECK(slow.it.store.committed.provider == "second");
    const auto& told = slow.it.live.told;
    CHECK(std::any_of(told.begin(), told.end(),
                      [](const auto& event) { return event.find("withdrawn") != std::string::npos; }));
}

TEST_CASE("the last model may take its time, and all calls together stay below the pipeline's limit") {
    Fallback agent;
    agent.first = {{.begins = Millis{80'000}}};
    agent.second = {{.begins = Millis{60'000}}};
    agent.run();
    CHECK(agent.it.store.committed.provider == "second");
    Fallback endless;
    endless.it.store.inference.agent.fallbacks = {{"second", "", "dos", ""}, {"second", "", "tres", ""}};
    endless.first = endless.second = {{.ends = Millis{500'000}}, {.ends = Millis{500'000}}};
    const SysTime began = endless.it.clock.now();
    CHECK(endless.failure() == "model.timeout");
    CHECK(endless.it.clock.now() - began < Millis{110'000});
}

TEST_CASE("what a provider's policy refuses is not asked of the next one") {
    Fallback agent;
    agent.first = {{Error{Fault::permanent, "model.refused", "policy"}}};
    CHECK(agent.failure() == "model.refused");
    CHECK(agent.calls.size() == 1);
}

TEST_CASE("one server's key is not told to another") {
    Fallback agent;
    agent.it.store.inference.agent.fallbacks = {{"second", "https://elsewhere", "dos", ""},
                                                {"second", "https://elsewhere", "tres", "own"}};
    agent.first = agent.second = {{bad_key}};
    agent.run();
    CHECK(agent.calls ==
          std::vector<std::string>{"uno with first/API_KEY", "dos with ", "tres with own/API_KEY"});
}

TEST_CASE(
    "an outage of all models is tried again, for two minutes: then the turn ends, and never in silence") {
    Fallback agent;
    agent.first = {{bad_key}};
    agent.second = {{away}, {away}};
    CHECK(agent.failure() == "model.unavailable");  // tried again
    CHECK(agent.it.store.code.empty());
    agent.it.clock.set(agent.it.clock.now() + Millis{120'000});
    agent.first = agent.second = {{away}, {away}, {away}, {away}};
    const Outcome outcome = agent.run();
    CHECK(std::get<Emit>(outcome).records.size() == 1);
    CHECK(agent.it.store.code == "model.unavailable");
    CHECK(agent.it.live.told.back().find("changed") != std::string::npos);
}

TEST_CASE("a turn that comes two minutes late is not ended by one bad moment of its model") {
    Fixture it;
    it.store.inference.agent.provider = "only";
    std::deque<OtherModel::Turn> turns{
        {Error{Fault::transient, "model.rate_limited", "later", Millis{20'000}}}};
    std::vector<std::string> calls;
    std::vector<std::unique_ptr<ModelProvider>> list;
    list.push_back(std::make_unique<OtherModel>("only", turns, calls, it.clock));
    ModelProviders models(std::move(list));
    Infer infer(it.store, models, it.channels, it.vault, it.live, it.clock);
    const Envelope request = it.request();
    it.clock.set(it.clock.now() + Millis{600'000});
    run_stage(infer, {request}, it.clock);
    CHECK(calls.size() == 2);
    CHECK_FALSE(it.store.bubbles.empty());
    CHECK(it.store.code.empty());
}

TEST_CASE("a key that does not open is passed over as a model that refuses it is") {
    Fallback agent;
    agent.it.vault.sealed = "first";
    agent.run();
    CHECK(agent.calls == std::vector<std::string>{"dos with second/API_KEY"});
    CHECK(agent.it.store.committed.in_vain.front().code == "vault.sealed_otherwise");
}

TEST_CASE("a provider that asks for a longer pause than a customer waits is not given it") {
    Fallback agent;
    const Error hour{Fault::transient, "model.rate_limited", "later", Millis{3'600'000}};
    agent.first = {{hour}};
    agent.second = {{hour}};
    try {
        agent.run();
        FAIL("nothing was thrown");
    } catch (const Failure& problem) {
        CHECK(problem.error().retry_after <= Millis{120'000});
    }
}

TEST_CASE("each call of a model is reserved by itself, and those in vain are settled before the next") {
    Fallback agent;
    agent.it.store.inference.agent.max_output_tokens = 300;
    agent.it.store.inference.agent.prompt = "Sos Ana.";
    agent.first = {{.error = away, .silent = true}, {.error = away, .silent = true}};
    agent.run();
    const auto& store = agent.it.store;
    REQUIRE(store.reserved.size() == 3);
    CHECK(store.reserved[0].model == "uno");
    CHECK(store.reserved[1].model == "uno");
    CHECK(store.reserved[2].provider == "second");
    CHECK(store.reserved[2].model == "dos");
    CHECK(store.reserved[2].output_tokens == 300);
    CHECK(store.reserved[2].input_tokens > 300);  // the rules alone
    CHECK_FALSE(store.reserved[2].free);
    REQUIRE(store.in_vain.size() == 2);
    CHECK(store.in_vain[0].first == "model.unavailable");
    CHECK(store.in_vain[0].second.input_tokens == 0);
}

TEST_CASE(
    "a call that broke off is settled for the prompt and what was heard, one that was refused for nothing") {
    Fallback agent;
    agent.first = {{Error{Fault::permanent, "model.broken_stream", "broke"}}};
    agent.second = {{.error = bad_key, .silent = true}};
    agent.failure();
    const auto& in_vain = agent.it.store.in_vain;
    REQUIRE(in_vain.size() == 2);
    CHECK(in_vain[0].second.input_tokens > 50);
    CHECK(in_vain[0].second.output_tokens == 2);  // "Hola. "
    CHECK_FALSE(in_vain[0].second.reported);
    CHECK(in_vain[1].second.input_tokens == 0);

    Fallback broken;  // an error event in the midst of the answer
    broken.first = {{.error = bad_key}};
    broken.run();
    CHECK(broken.it.store.in_vain.at(0).second.input_tokens > 50);
}

TEST_CASE("an empty answer is settled for what its provider counted") {
    Fixture it;
    it.text = " ";
    it.store.reservations = {{CallReservation::State::granted, "", {}, 3}};
    CHECK_THROWS_AS(it.run(), Failure);
    REQUIRE(it.store.in_vain.size() == 1);
    CHECK(it.store.in_vain[0].first == "model.empty");
    CHECK(it.store.in_vain[0].second.output_tokens == 7);
    CHECK(it.store.settled == std::vector<int>{3});
}

TEST_CASE(
    "a turn that finds its money reserved by open calls comes back, and asks no cheaper model meanwhile") {
    Fallback agent;
    agent.it.store.reservations = {{CallReservation::State::wait, "", {}}};
    const Outcome outcome = agent.run();
    REQUIRE(std::holds_alternative<Park>(outcome));
    const auto& park = std::get<Park>(outcome);
    CHECK(park.reason == "budget reserved");
    CHECK(park.timer.due - agent.it.clock.now() <= Millis{2'000});
    CHECK(park.timer.record.topic == topics::inferences_requested);
    CHECK(park.timer.record.headers.expires == agent.it.expires);
    CHECK(decode_turn_step(park.timer.record.value).value().tenant == TenantId{7});
    CHECK(agent.calls.empty());
    CHECK(agent.it.store.code.empty());
    // late ones too: what is only reserved ends no turn
    agent.it.clock.set(agent.it.clock.now() + Millis{600'000});
    agent.it.store.reservations = {{CallReservation::State::wait, "", {}}};
    CHECK(std::holds_alternative<Park>(agent.run()));
}

TEST_CASE("a turn that waits for money comes back to see that it expired") {
    Fallback agent;
    agent.it.expires = agent.it.clock.now() + Millis{500};
    agent.it.store.reservations = {{CallReservation::State::wait, "", {}}};
    const Outcome outcome = agent.run();
    CHECK(std::get<Park>(outcome).timer.due == agent.it.expires + Millis{1});
}

TEST_CASE(
    "where the money is spent a cheaper model may answer, and where none may the turn ends without a "
    "letter") {
    const CallReservation refused{
        CallReservation::State::refused, "exhausted", {"month", 1'000, 990, 20, "USD"}};
    Fallback cheaper;
    cheaper.it.store.reservations = {refused, {CallReservation::State::granted, "", {}, 4}};
    CHECK(std::holds_alternative<Emit>(cheaper.run()));
    CHECK(cheaper.it.store.committed.attempt == 4);
    CHECK(cheaper.it.store.committed.provider == "second");
    CHECK(cheaper.it.store.committed.in_vain.front().code == "budget.exhausted");
    CHECK(cheaper.it.store.in_vain.empty());  // nothing was reserved
    Fallback none;
    none.it.store.reservations = {refused, refused};
    CHECK(std::get<Emit>(none.run()).records.size() == 1);
    CHECK(none.it.store.code == "budget.exhausted");
    CHECK(none.calls.empty());
    CHECK(none.it.live.told.back().find("changed") != std::string::npos);
}

TEST_CASE("a model that cannot be bounded as its budget demands is none, and another one may answer") {
    const CallReservation bounded{CallReservation::State::granted, "", {}, 1, true};
    const Error unbounded{Fault::permanent, "model.unbounded", "takes no limit"};
    Fallback other;
    other.it.store.reservations = {bounded};
    other.first = {{unbounded}};
    CHECK(std::holds_alternative<Emit>(other.run()));
    CHECK(other.calls ==
          std::vector<std::string>{"uno with first/API_KEY, bounded", "dos with second/API_KEY"});
    CHECK(other.it.store.committed.in_vain.front().code == "model.unbounded");
    Fallback none;
    none.it.store.reservations = {bounded, bounded};
    none.first = none.second = {{unbounded}};
    CHECK(none.failure() == "model.unbounded");
}

TEST_CASE("a model that may come back, or that somebody can mend, says more than a budget") {
    const CallReservation refused{CallReservation::State::refused, "unpriced", {}};
    Fallback passes;
    passes.it.store.reservations = {refused};
    passes.second = {{away}, {away}};
    CHECK(passes.failure() == "model.unavailable");
    Fallback broken;
    broken.it.store.reservations = {refused};
    broken.second = {{bad_key}};
    CHECK(broken.failure() == "model.bad_key");
}

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

TEST_CASE(
    "a model sees no address, and draft and bubbles have it again where the step keeps its placeholder") {
    Fixture it;
    it.store.inference.history = {{HistoryLine::Author::contact, "soy ana@x.com", true}};
    it.text = "Hola. Te escribo a [EMAIL_1], no a [EMAIL_2].";
    auto& model = dynamic_cast<FakeModel&>(*it.models.find("fake"));
    model.tail = "Te escribo a [EMAIL_1], no a [EMA";
    it.run();
    CHECK(it.store.bubbles == std::vector<std::string>{"Hola. Te escribo a ana@x.com, no a [EMAIL_2]."});
    CHECK(it.store.committed.text == "Hola. Te escribo a [EMAIL_1], no a [EMAIL_2].");
    std::string drafts;
    for (const auto& event : it.live.told) drafts += event;
    CHECK(drafts.find("ana@x.com") != std::string::npos);
    CHECK(drafts.find("EMAIL_1") == std::string::npos);
    CHECK(drafts.find("[EMA") != std::string::npos);  // what was kept back comes in the end
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

TEST_CASE("outside of the agent's hours no model is asked, and the turn ends with the sentence for them") {
    Fixture it;
    it.store.inference.closed = true;
    it.store.failed = {agent_reply_id({}, 0)};
    CHECK(std::get<Emit>(it.run()).records.size() == 1);
    CHECK(it.store.code == "agent.closed");
    CHECK(it.calls == 0);
    it.store.failed.clear();  // a human was quicker
    CHECK(std::get<Drop>(it.run()).reason == "turn ended before its answer");
    it.expires = it.clock.now() - Millis{1};
    CHECK(std::get<Drop>(it.run()).reason == "expired");
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
    const int calls = std::exchange(it.calls, 0);
    CHECK(calls == 2);
    it.expires = it.clock.now() - Millis{1};  // the next attempt
    CHECK(std::get<Drop>(it.run()).reason == "expired");
    CHECK(it.store.dropped == "expired");
    CHECK(it.calls == 0);
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
