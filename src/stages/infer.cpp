#include "stages/infer.hpp"

#include "core/bubbles.hpp"
#include "domain/draft.hpp"
#include "domain/prompt.hpp"
#include "domain/records.hpp"

namespace relevo {

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
    Channel* channel = channels_.find(inference.channel);
    const TextLimit limit = channel ? channel->limits().text : TextLimit{};
    if (channel && !channel->sending_secret().empty() && !inference.last_message.empty()) {
        Secret token = co_await vault_.find(step.tenant, std::string(channel->credentials()),
                                            std::string(channel->sending_secret()));
        co_await channel->typing(inference.account, inference.to, inference.last_message, std::move(token));
    }
    Completion completion =
        co_await call_model(step.tenant, step.conversation, step.turn, std::move(inference));
    std::vector<std::string> bubbles = split_bubbles(completion.text, limit);
    if (bubbles.empty()) {
        live_.publish(conversation_channel(step.tenant, step.conversation), live_withdrawn(step.turn));
        throw Failure({Fault::permanent, "model.empty", "the model ended its answer without a text"});
    }
    const auto replies = co_await store_.commit_answer(
        step.tenant, step.turn, step.step, std::move(completion), std::move(bubbles), clock_.now());
    if (replies.empty()) {
        live_.publish(conversation_channel(step.tenant, step.conversation), live_withdrawn(step.turn));
        co_return Drop{"turn ended before its answer"};
    }
    co_return Emit{to_records(step.tenant, step.conversation, step.turn, replies)};
}

Task<Completion> Infer::call_model(TenantId tenant, ConversationId conversation, TurnId turn,
                                   Inference inference) {
    ModelProvider* provider = providers_.find(inference.agent.provider);
    if (!provider) {
        throw Failure({Fault::permanent, "model.unknown_provider",
                       "agent '" + inference.agent.name + "' names provider '" + inference.agent.provider +
                           "', which this installation does not have"});
    }
    Secret key;
    if (!provider->credentials().empty()) {
        key = co_await vault_.find(tenant, std::string(provider->credentials()), "API_KEY");
    }
    Prompt prompt = build_prompt(inference, std::move(key));
    const std::string channel = conversation_channel(tenant, conversation);
    DraftBubbles draft;
    DeltaSink sink = [&](std::string_view text) {
        for (const auto& part : draft.add(text)) {
            live_.publish(channel, live_delta(turn, part.index, part.text, inference.epoch));
        }
    };
    Result<Completion> result = co_await provider->complete(std::move(prompt), std::move(sink));
    if (!result) {
        live_.publish(channel, live_withdrawn(turn));
        throw Failure(result.error());
    }
    co_return std::move(*result);
}

Task<Outcome> Infer::give_up(std::span<const Envelope> records, Error error) {
    const auto step = decode_turn_step(records.front().value);
    if (!step) co_return Drop{"unreadable"};
    const auto replies = co_await store_.fail_turn(step->tenant, step->turn, error.code, clock_.now());
    co_return Emit{to_records(step->tenant, step->conversation, step->turn, replies)};
}

}  // namespace relevo
