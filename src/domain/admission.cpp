#include "domain/admission.hpp"

#include <algorithm>

namespace relevo {

namespace {

std::string key_of(const Admission::Asker& asker) {
    return asker.channel + ":" + asker.account;
}

std::vector<PaceBucket> buckets_of(const Admission::Asker& asker, const ChannelLimits& limits) {
    const std::string account = "{" + key_of(asker) + "}";
    std::vector<PaceBucket> buckets;
    for (const auto& [per, rate] : limits.pace) {
        std::string key = account + ":" + std::to_string(buckets.size());
        // a conversation is one contact with one account
        if (per == PaceLimit::Per::recipient) key += ":" + asker.conversation.to_string();
        buckets.push_back({std::move(key), rate});
    }
    return buckets;
}

}  // namespace

Admission::Pass::~Pass() {
    if (breaker_) breaker_->ended(entry_, Breaker::End::not_tried, {});
}

std::shared_ptr<Breaker>& Admission::breaker_of(const Asker& asker, const ChannelLimits& limits) {
    auto& breaker = breakers_[key_of(asker)];
    if (!breaker) {
        Breaker::Limits own;
        own.failures = limits.breaks_after;
        own.pauses = limits.retries;
        breaker = std::make_shared<Breaker>(std::move(own));
    }
    return breaker;
}

// No wait of this schedule is longer than its last.
void Admission::tell(const Asker& asker, const ChannelLimits& limits, const Breaker::Entry& refusal) const {
    const SysTime asks_again = std::max(refusal.again, clock_.now() + limits.retries.back());
    watch_.left_alone(asker.channel, asker.account, asks_again);
}

// While one probes, the others wait beside it: it ends soon, and then they may all go. While it is open they
// rest for as long as the outage has taught, as rows.
Admission::Hold Admission::hold(const Asker& asker, const ChannelLimits& limits, const Breaker& breaker,
                                const Breaker::Entry& refusal) const {
    tell(asker, limits, refusal);
    if (refusal.probing) return Hold{refusal.again, Hold::probed};
    const Millis rest = spread(retry_wait(limits.retries, breaker.openings(), std::nullopt), asker.reply);
    return Hold{std::max(refusal.again, clock_.now() + rest), Hold::away};
}

Task<std::variant<SysTime, Admission::Hold>> Admission::slot(Asker asker, ChannelLimits limits,
                                                             Millis patience) {
    const Breaker& breaker = *breaker_of(asker, limits);
    if (const auto refusal = breaker.refusal(clock_.now())) co_return hold(asker, limits, breaker, *refusal);
    if (limits.pace.empty()) co_return clock_.now();
    patience = std::max(patience, Millis{0});
    const Millis wait = co_await pace_.take(buckets_of(asker, limits), patience);
    // Whoever comes back at the same moment would find the same queue again.
    if (wait > patience) co_return Hold{clock_.now() + wait + spread(wait, asker.reply), Hold::pace};
    if (wait > Millis{0}) watch_.paced(asker.channel, wait);
    co_return clock_.now() + wait;
}

std::variant<Admission::Pass, Admission::Hold> Admission::enter(const Asker& asker,
                                                                const ChannelLimits& limits) {
    const auto& breaker = breaker_of(asker, limits);
    const Breaker::Entry entry = breaker->enter(clock_.now());
    if (!entry.admitted) return hold(asker, limits, *breaker, entry);
    return Pass(breaker, entry);
}

void Admission::ended(const Asker& asker, const ChannelLimits& limits, Pass pass, const Sent& sent) {
    const auto breaker = std::exchange(pass.breaker_, nullptr);
    const bool was_closed = breaker->closed();
    breaker->ended(pass.entry_, sent.away ? Breaker::End::failed : Breaker::End::answered, clock_.now(),
                   sent.error.retry_after);
    if (was_closed && !breaker->closed()) watch_.breaker_opened(asker.channel, asker.account);
    if (const auto refusal = breaker->refusal(clock_.now())) tell(asker, limits, *refusal);
    if (!was_closed && breaker->closed()) watch_.breaker_closed(asker.channel, asker.account);
}

Millis retry_wait(const std::vector<Millis>& schedule, int attempts, std::optional<Millis> retry_after) {
    const auto nth = std::min(static_cast<std::size_t>(std::max(attempts, 1)), schedule.size()) - 1;
    return std::max(schedule[nth], retry_after.value_or(Millis{0}));
}

Millis spread(Millis wait, ReplyId reply) {
    constexpr int parts = 256;
    return wait / 2 + wait * static_cast<int>(reply.bytes[15]) / (2 * parts);
}

}  // namespace relevo
