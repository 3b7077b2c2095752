#include "tests/simulation/sim_provider.hpp"

#include <algorithm>

namespace relevo {

std::size_t SimProvider::count(ReplyId reply) const {
    return static_cast<std::size_t>(std::count_if(
        bubbles.begin(), bubbles.end(), [&](const SimBubble& bubble) { return bubble.reply == reply; }));
}

Task<Sent> SimChannel::send(Outbound bubble, DeliveryPermit permit) {
    const SimRates& rates = faults_.rates();
    co_await faults_.point("send.before");
    co_await faults_.latency(rates.longest_send);
    if (faults_.happens(rates.provider_refuses)) {
        co_return Sent{
            Sent::State::refused, {}, {Fault::transient, "provider.pair_rate", "too fast for one pair"}};
    }
    const bool times_out = faults_.happens(rates.provider_times_out);
    const Error timeout{Fault::transient, "provider.timeout", "no answer"};
    if (times_out && faults_.happens(0.5)) {
        co_await clock_.sleep_until(clock_.now() + Millis{10'000});
        co_return Sent{Sent::State::unknown, {}, timeout};
    }
    const std::string id = "provider-" + std::to_string(provider_.bubbles.size());
    provider_.bubbles.push_back(
        {clock_.now(), bubble.account, bubble.to.value, bubble.text, permit.reply(), bubble.token.reveal()});
    const SimBubble sent = provider_.bubbles.back();
    if (provider_.accepted && !faults_.happens(rates.provider_loses_receipt)) provider_.accepted(sent, id);
    co_await faults_.point("send.accepted");
    if (times_out) {
        co_await clock_.sleep_until(clock_.now() + Millis{10'000});
        co_return Sent{Sent::State::unknown, {}, timeout};
    }
    co_await faults_.latency(rates.longest_send);
    co_return Sent{Sent::State::accepted, id, {}};
}

Task<Result<Completion>> SimModel::complete(Prompt prompt, DeltaSink delta) {
    const SimRates& rates = faults_.rates();
    co_await faults_.point("model.before");
    co_await faults_.latency(rates.longest_model);
    if (faults_.happens(rates.model_fails)) {
        co_return Error{Fault::transient, "model.unavailable", "the simulated model is away"};
    }
    if (faults_.happens(rates.model_gives_up)) {
        co_return Error{Fault::permanent, "model.refused", "the simulated model refuses"};
    }
    Completion completion;
    completion.text = "hello";
    std::string_view rest = prompt.question;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        completion.text += "\n\nre " + std::string(line);
    }
    completion.text += "\n\nbye";
    completion.finish_reason = "stop";
    delta(completion.text);
    co_await faults_.point("model.after");
    co_return completion;
}

}  // namespace relevo
