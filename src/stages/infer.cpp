#include "stages/infer.hpp"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <variant>

#include "core/bubbles.hpp"
#include "core/log.hpp"
#include "domain/asked_models.hpp"
#include "domain/disclosure.hpp"
#include "domain/draft.hpp"
#include "domain/prompt.hpp"
#include "stages/call_budget.hpp"

namespace relevo {
namespace {

// All calls of one attempt; with what comes before and after them below the pipeline's stuck_after of 110 s.
constexpr Millis longest_asking{100'000};
constexpr Millis longest_call{90'000};
// One behind whom another stands gets less: to begin, and to end.
constexpr Millis begins_within{15'000};
constexpr Millis ends_within{40'000};
constexpr Millis shortest_call{5'000};  // less is not worth its money
// A fault that shows at once and passes at once is not worth a change of model.
constexpr Millis blip{2'000};
constexpr Millis ask_again{1'000};
constexpr Millis ask_late_again{5'000};  // one that comes late
// From when the answer was asked for: then the customer is told that there is none.
constexpr Millis longest_silence{120'000};

// The provider's policy refused what was said: another one is not asked to say it nevertheless.
bool speaks_for_all(const Error& error) {
    return error.code == "model.refused";
}

bool passes_soon(const Error& error, Millis took) {
    return error.fault == Fault::transient && took <= blip &&
           error.retry_after.value_or(ask_again) <= ask_again;
}

Inference with_model(const Inference& inference, const FallbackModel& model) {
    Inference out = inference;
    out.agent.provider = model.provider;
    out.agent.base_url = model.base_url;
    out.agent.model = model.model;
    return out;
}

Error empty_answer() {
    return {Fault::permanent, "model.empty", "the model ended its answer without a text"};
}

}  // namespace

Task<Outcome> Infer::handle(std::span<const Envelope> records) {
    const TurnStep step = decode_turn_step(records.front().value).value();
    Inference inference = co_await store_.load(step.tenant, step.turn, step.step);
    switch (inference.state) {
        case Inference::State::live:
            break;
        case Inference::State::answered:
            co_return Emit{to_records(step.tenant, step.conversation, step.turn, inference.replies)};
        case Inference::State::over: {
            // A crash may have come between the decision to fall back and its publication.
            const auto replies = co_await store_.fail_turn(step.tenant, step.turn, "turn.over", clock_.now());
            if (replies.empty()) co_return Drop{inference.reason};
            tell_desk_changed(live_, step.tenant, step.conversation);
            co_return Emit{to_records(step.tenant, step.conversation, step.turn, replies)};
        }
        case Inference::State::erased:
            co_return Drop{"erased"};
    }
    // Each attempt asks: a model that is away may stay so for longer than an answer is of use.
    if (const SysTime now = clock_.now(); is_expired(records.front().headers, now)) {
        co_await store_.drop_turn(step.tenant, step.turn, "expired", now);
        live_.publish(conversation_channel(step.tenant, step.conversation), live_withdrawn(step.turn));
        co_return Drop{"expired"};
    }
    if (inference.closed) {
        const Error closed{Fault::permanent, "agent.closed", "outside of the agent's business hours"};
        co_return co_await fail(step, closed);
    }
    Channel* channel = channels_.find(inference.channel);
    const TextLimit limit = channel ? channel->limits().text : TextLimit{};
    if (channel && !channel->sending_secret().empty() && !inference.last_message.empty()) {
        Result<Secret> token = co_await find_secret(step.tenant, std::string(channel->credentials()),
                                                    std::string(channel->sending_secret()));
        if (token)
            co_await channel->typing(inference.account, inference.to, inference.last_message,
                                     std::move(*token));
    }
    const Redaction redaction = redaction_of(inference);  // the same for every model that is asked
    const SysTime patient_until =
        records.front().headers.time.value_or(records.front().appended) + longest_silence;
    const SysTime began = clock_.now();
    const SysTime until = began + longest_asking;
    Result<Completion> completion = co_await ask_models(step, inference, redaction, until);
    // What comes late, after an outage or a pause, is not tried again from its lane: one bad moment of a
    // model that is being asked for all at once must not end it.
    if (began >= patient_until && !completion && completion.error().fault == Fault::transient &&
        !waits_for_budget(completion.error())) {
        const SysTime then = clock_.now() + completion.error().retry_after.value_or(ask_late_again);
        if (then + shortest_call <= until) {
            co_await clock_.sleep_until(then);
            completion = co_await ask_models(step, inference, redaction, until);
        }
    }
    if (!completion) {
        Error error = completion.error();
        if (waits_for_budget(error)) co_return wait_for_budget(step, records.front(), clock_.now());
        // What was spent is nothing to mend in a dead letter.
        if (is_of_budget(error)) co_return co_await fail(step, error);
        if (error.fault == Fault::permanent) throw Failure(error);
        if (clock_.now() >= patient_until) co_return co_await fail(step, error);
        // A provider may ask for more than a customer waits.
        if (error.retry_after) error.retry_after = std::min(*error.retry_after, patient_until - clock_.now());
        throw Failure(error);
    }
    // What is stored of the model's answer has its placeholders; the customer's bubbles do not.
    const std::string text = redaction.restore(completion->text);
    std::vector<std::string> bubbles = split_bubbles(text, limit);
    std::vector<std::string> disclosing = split_bubbles(disclosed(text, inference.agent.disclosure), limit);
    const auto replies =
        co_await store_.commit_answer(step.tenant, step.turn, step.step, std::move(*completion),
                                      std::move(bubbles), clock_.now(), std::move(disclosing));
    if (replies.empty()) {
        live_.publish(conversation_channel(step.tenant, step.conversation), live_withdrawn(step.turn));
        co_return Drop{"turn ended before its answer"};
    }
    co_return Emit{to_records(step.tenant, step.conversation, step.turn, replies)};
}

// The agent's own model, then its fallbacks, in their order. Where all fail one error stands for all: a
// transient one where there is one, as that model may come back.
Task<Result<Completion>> Infer::ask_models(const TurnStep& step, const Inference& inference,
                                           const Redaction& redaction, SysTime until) {
    const std::vector<FallbackModel> models = asked_models(inference.agent);
    std::vector<ModelFailure> in_vain;
    std::optional<Error> worst;
    for (std::size_t i = 0; i < models.size() && clock_.now() + shortest_call <= until; ++i) {
        const bool last = i + 1 == models.size();
        const Inference asked = with_model(inference, models[i]);
        std::string code;
        for (int attempt = 1;; ++attempt) {
            const SysTime began = clock_.now();
            const Millis within = std::min(until - began, last ? longest_call : ends_within);
            Result<Completion> result = co_await ask_model(step, asked, redaction, models[i].credentials,
                                                           within, last ? within : begins_within);
            if (result) {
                result->provider = models[i].provider;
                result->in_vain = std::move(in_vain);
                co_return result;
            }
            const Error error = result.error();
            if (waits_for_budget(error)) co_return error;
            code = error.code;
            log_warn("model.failed", {{"tenant", step.tenant.value},
                                      {"turn", step.turn.to_string()},
                                      {"provider", models[i].provider},
                                      {"model", models[i].model},
                                      {"code", error.code},
                                      {"text", error.text}});
            if (!worst || weighs_more(error, *worst)) worst = error;
            if (speaks_for_all(error)) co_return error;
            if (attempt > 1 || !passes_soon(error, clock_.now() - began)) break;
            co_await clock_.sleep_until(clock_.now() + ask_again);
        }
        in_vain.push_back({models[i].provider, models[i].model, std::move(code)});
    }
    co_return *worst;
}

// One call. An answer without a text is a failure too.
Task<Result<Completion>> Infer::ask_model(const TurnStep& step, const Inference& inference,
                                          const Redaction& redaction, const std::string& credentials,
                                          Millis within, Millis begins) {
    using namespace boost::asio::experimental::awaitable_operators;
    ModelProvider* provider = providers_.find(inference.agent.provider);
    if (!provider) {
        co_return Error{Fault::permanent, "model.unknown_provider",
                        "agent '" + inference.agent.name + "' names provider '" + inference.agent.provider +
                            "', which this installation does not have"};
    }
    const std::string category = credentials.empty() ? std::string(provider->credentials()) : credentials;
    Result<Secret> key = Secret{};
    if (!provider->credentials().empty() && category != no_credentials) {
        key = co_await find_secret(step.tenant, category, "API_KEY");
        if (!key) co_return key.error();
    }
    Prompt prompt = build_prompt(inference, std::move(*key), redaction);
    prompt.deadline = within;
    CallBudget budget(store_, step, clock_);
    if (auto refused = co_await budget.reserve(*provider, prompt)) co_return *refused;
    const std::string channel = conversation_channel(step.tenant, step.conversation);
    RestoringStream restoring(redaction);
    DisclosingStream disclosing(inference.is_first_answer ? inference.agent.disclosure : "");
    DraftBubbles draft;
    const auto show = [&](std::string_view text) {
        for (const auto& part : draft.add(text)) {
            live_.publish(channel, live_delta(step.turn, part.index, part.text, inference.epoch));
        }
    };
    bool begun = false;
    DeltaSink sink = [&](std::string_view text) {
        begun = true;
        budget.heard(text);
        show(disclosing.add(restoring.add(text)));
    };
    const SysTime now = clock_.now();
    Task<Result<Completion>> call = provider->complete(std::move(prompt), std::move(sink));
    Task<void> patience = out_of_patience(begun, now + begins, now + within);
    auto first = co_await (std::move(call) || std::move(patience));
    Result<Completion> result =
        Error{Fault::transient, "model.timeout",
              inference.agent.provider +
                  (begun ? " took too long to end its answer" : " did not begin its answer in time")};
    if (first.index() == 0) result = std::move(std::get<0>(first));
    if (result) {
        show(disclosing.add(restoring.rest()));
        show(disclosing.rest());
    }
    if (result && split_bubbles(result->text, TextLimit{}).empty()) {
        budget.took(result->usage);
        result = empty_answer();
    }
    if (result) {
        result->attempt = budget.attempt();
    } else {
        live_.publish(channel, live_withdrawn(step.turn));
        co_await budget.settle(result.error());
    }
    co_return result;
}

// One that does not open is no reason to ask nobody: a fallback has another, or needs none.
Task<Result<Secret>> Infer::find_secret(TenantId tenant, std::string category, std::string name) {
    try {
        co_return co_await vault_.find(tenant, std::move(category), std::move(name));
    } catch (const Failure& failure) {
        if (failure.error().fault != Fault::permanent) throw;
        co_return failure.error();
    }
}

// Ends when the model has not begun by then, or not ended by then.
Task<void> Infer::out_of_patience(const bool& begun, SysTime begins_by, SysTime ends_by) {
    constexpr Millis slack{1'000};  // its own deadline says more of what went wrong
    co_await clock_.sleep_until(std::min(begins_by, ends_by) + slack);
    if (begun && clock_.now() < ends_by + slack) co_await clock_.sleep_until(ends_by + slack);
}

Task<Outcome> Infer::fail(const TurnStep& step, const Error& error) {
    const auto replies = co_await store_.fail_turn(step.tenant, step.turn, error.code, clock_.now());
    // A human may have the conversation now.
    tell_desk_changed(live_, step.tenant, step.conversation);
    if (replies.empty()) co_return Drop{"turn ended before its answer"};
    co_return Emit{to_records(step.tenant, step.conversation, step.turn, replies)};
}

Task<Outcome> Infer::give_up(std::span<const Envelope> records, Error error) {
    const auto step = decode_turn_step(records.front().value);
    if (!step) co_return Drop{"unreadable"};
    co_return co_await fail(*step, error);
}

}  // namespace relevo
