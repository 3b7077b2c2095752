#include "stages/call_budget.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "domain/token_bound.hpp"

namespace relevo {
namespace {

constexpr auto reserved = "budget.reserved";
constexpr Millis ask_again{2'000};  // about what a short call takes

std::string refusal_text(const CallReservation& reservation, const Prompt& prompt) {
    if (reservation.reason == "unpriced") {
        return fmt::format(
            "a budget limits the shop or its agent, and no price is known for model '{}' in the budget's "
            "currency: add it to the file of prices, then relevo prices apply FILE",
            prompt.model);
    }
    const SpentBudget& spent = reservation.spent;
    if (spent.period.empty()) return "the turn was erased";
    return fmt::format(
        "of the {}'s budget of {} {} are {} spent: it has no room for a call that may cost {}; relevo "
        "budgets "
        "set raises it",
        spent.period, format_micros(spent.hard), spent.currency, format_micros(spent.spent),
        format_micros(spent.asked));
}

int weight(const Error& error) {
    if (error.fault == Fault::transient) return 2;
    return is_of_budget(error) ? 0 : 1;
}

}  // namespace

Task<std::optional<Error>> CallBudget::reserve(const ModelProvider& provider, Prompt& prompt) {
    likely_input_ = likely_input_tokens(prompt);
    PlannedCall call{std::string(provider.name()),   prompt.base_url,           prompt.model,
                     provider.credentials().empty(), most_input_tokens(prompt), prompt.max_output_tokens};
    const CallReservation reservation =
        co_await store_.reserve_call(step_.tenant, step_.turn, step_.step, std::move(call), clock_.now());
    attempt_ = reservation.attempt;
    prompt.bounded = reservation.bounded;
    switch (reservation.state) {
        case CallReservation::State::granted:
            co_return std::nullopt;
        case CallReservation::State::wait:
            co_return Error{Fault::transient, reserved, "what is left of a budget is reserved by open calls"};
        case CallReservation::State::refused:
            break;
    }
    co_return Error{Fault::permanent, "budget." + reservation.reason, refusal_text(reservation, prompt)};
}

Task<void> CallBudget::settle(Error error) {
    const Usage usage = told_ ? *told_ : usage_of_failure(error, likely_input_, heard_);
    co_await store_.settle_call(step_.tenant, step_.turn, step_.step, std::move(error.code), usage,
                                clock_.now(), attempt_);
}

bool is_of_budget(const Error& error) {
    return error.code.starts_with("budget.");
}

bool waits_for_budget(const Error& error) {
    return error.code == reserved;
}

bool weighs_more(const Error& error, const Error& other) {
    return weight(error) > weight(other);
}

Park wait_for_budget(const TurnStep& step, const Envelope& record, SysTime now) {
    Record again = to_record(step, topics::inferences_requested);
    again.headers = copy_of(record.headers);
    SysTime due = now + ask_again;
    if (record.headers.expires) due = std::min(due, *record.headers.expires + Millis{1});
    return {{due, std::move(again)}, "budget reserved"};
}

}  // namespace relevo
