#pragma once

#include <optional>
#include <string>

#include "core/clock.hpp"
#include "domain/model.hpp"
#include "domain/records.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// What one call of a model may take of the shop's budgets: reserved before it, and given back after it where
/// it gave no answer. (commit_answer settles one that did.)
class CallBudget {
  public:
    CallBudget(InferStore& store, const TurnStep& step, Clock& clock)
        : store_(store), step_(step), clock_(clock) {}

    /// Why the call may not be made: budget.reserved (transient: open calls may yet leave room for it),
    /// budget.exhausted, budget.unpriced, budget.erased (permanent). Bounds the prompt where it has to be.
    Task<std::optional<Error>> reserve(const ModelProvider& provider, Prompt& prompt);
    /// A part of the answer.
    void heard(std::string_view text) { heard_ += text; }
    /// The provider told it, of an answer that is none.
    void took(const Usage& usage) { told_ = usage; }
    Task<void> settle(Error error);
    int attempt() const { return attempt_; }

  private:
    InferStore& store_;
    const TurnStep& step_;
    Clock& clock_;
    std::int64_t likely_input_ = 0;
    int attempt_ = 0;
    std::string heard_;
    std::optional<Usage> told_;
};

bool is_of_budget(const Error& error);
/// Not refused: asked again soon.
bool waits_for_budget(const Error& error);
/// Which of two models' errors stands for both: what may pass, then what somebody can mend, then what is
/// spent.
bool weighs_more(const Error& error, const Error& other);

/// The record as it came, back when open calls have ended.
Park wait_for_budget(const TurnStep& step, const Envelope& record, SysTime now);

}  // namespace relevo
