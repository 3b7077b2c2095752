#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stages/infer.hpp"
#include "tests/stages/fakes.hpp"

namespace relevo {

/// Answers as it was told to, and notes what it is asked.
struct ScriptedInferStore final : InferStore {
    Task<Inference> load(TenantId tenant, TurnId turn, int step) override;
    Task<CallReservation> reserve_call(TenantId tenant, TurnId turn, int step, PlannedCall call,
                                       SysTime now) override;
    Task<void> settle_call(TenantId tenant, TurnId turn, int step, std::string its_code, Usage usage,
                           SysTime now, int attempt) override;
    Task<std::vector<ReplyId>> commit_answer(TenantId tenant, TurnId turn, int step, Completion completion,
                                             std::vector<std::string> its_bubbles, SysTime now,
                                             std::vector<std::string> its_disclosing) override;
    Task<std::vector<ReplyId>> fail_turn(TenantId tenant, TurnId turn, std::string its_code,
                                         SysTime now) override;
    Task<void> drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime now) override;

    Inference inference;
    std::vector<std::string> bubbles;
    std::vector<std::string> disclosing;
    Completion committed;
    std::vector<ReplyId> failed;
    std::string code;
    std::string dropped;
    bool wins = true;
    std::vector<int> settled;                  ///< attempts that were in vain
    std::deque<CallReservation> reservations;  ///< then all are granted
    std::vector<PlannedCall> reserved;
    std::vector<std::pair<std::string, Usage>> in_vain;
};

/// Begins its answer and ends it with `text`, or with `error`.
struct FakeModel final : ModelProvider {
    FakeModel(std::optional<Error>& its_error, std::string& its_text, int& its_calls)
        : error(its_error), text(its_text), calls(its_calls) {}
    std::string_view name() const override { return "fake"; }
    std::string_view credentials() const override { return "fake"; }
    Task<Result<Completion>> complete(Prompt prompt, DeltaSink delta) override;

    std::optional<Error>& error;
    std::string& text;
    int& calls;
    std::string tail = "\n\nTenemos puntas.";
};

/// Answers as it was told to, one call after the other; then it answers well.
struct ScriptedModel final : ModelProvider {
    struct Turn {
        std::optional<Error> error{};
        Millis begins{0};
        Millis ends{0};
        bool silent = false;  ///< begins no answer
    };
    ScriptedModel(std::string its_name, std::deque<Turn>& its_turns, std::vector<std::string>& its_calls,
                  SimClock& its_clock)
        : own_name(std::move(its_name)), turns(its_turns), calls(its_calls), clock(its_clock) {}
    std::string_view name() const override { return own_name; }
    std::string_view credentials() const override { return own_name; }
    Task<Result<Completion>> complete(Prompt prompt, DeltaSink delta) override;

    std::string own_name;
    std::deque<Turn>& turns;
    std::vector<std::string>& calls;
    SimClock& clock;
};

inline const Error away{Fault::transient, "model.unavailable", "away"};
inline const Error bad_key{Fault::permanent, "model.bad_key", "renew it"};

/// A turn of an agent whose one model is the fake.
struct InferFixture {
    InferFixture();
    Envelope request() const;
    Outcome run() { return run_stage(infer, {request()}, clock); }
    std::vector<std::unique_ptr<ModelProvider>> list();

    SimClock clock;
    SysTime expires = clock.now() + Millis{3'600'000};
    ScriptedInferStore store;
    std::optional<Error> error;
    std::string text = "Hola.\n\nTenemos puntas.";
    int calls = 0;
    ModelProviders models{list()};
    Channels channels{{}};
    FixedVault vault;
    RecordingLive live;
    Infer infer{store, models, channels, vault, live, clock};
};

/// An agent of model "first" with the fallback "second"; both are scripted.
struct Fallback {
    Fallback();
    Outcome run() { return run_stage(infer, {it.request()}, it.clock); }
    /// The code of what a run throws; "none" where it throws nothing.
    std::string failure();
    std::vector<std::unique_ptr<ModelProvider>> list();

    InferFixture it;
    std::deque<ScriptedModel::Turn> first;
    std::deque<ScriptedModel::Turn> second;
    std::vector<std::string> calls;
    ModelProviders models{list()};
    Infer infer{it.store, models, it.channels, it.vault, it.live, it.clock};
};

}  // namespace relevo
