#include "tests/contract/side.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "domain/timer_codec.hpp"

namespace relevo::testing {
namespace {

// Seconds since the tests' first moment.
std::string moment(SysTime time) {
    return time == SysTime{} ? "-"
                             : fmt::format("{:.3f}", static_cast<double>((time - at(0)).count()) / 1'000);
}

struct Permits : RelayStore {
    using RelayStore::permit;
};

}  // namespace

Side::Side(Stores& its_stores) : stores(its_stores) {
    for (int i = 0; i < processes; ++i) {
        relays_.push_back(&stores.another_relay());
        wakers_.push_back(stores.timers_source());
        stores.run(wakers_.back()->next(true, Millis{0}));
        leased_.push_back({});
    }
}

std::string Side::restart(int process) {
    relays_[static_cast<std::size_t>(process)] = &stores.another_relay();
    return "restarted";
}

std::string Side::lease(int process) {
    const auto place = static_cast<std::size_t>(process);
    const SourceEvent event = stores.run(wakers_[place]->next(true, Millis{0}));
    const auto* fetched = std::get_if<Fetched>(&event);
    if (!fetched) return "nothing";
    std::vector<std::string> due;
    for (const auto& record : fetched->records) {
        due.push_back(decode_timer(record.value).headers.id);
        leased_[place] = std::max(leased_[place], Offset{record.offset.value + 1});
    }
    std::sort(due.begin(), due.end());
    return fmt::format("due {}", fmt::join(due, " "));
}

std::string Side::commit(int process) {
    const auto place = static_cast<std::size_t>(process);
    const Commit commit{0, leased_[place], leased_[place]};
    wakers_[place]->commit(std::span(&commit, 1));
    stores.run(wakers_[place]->next(false, Millis{0}));
    return "committed";
}

std::string Side::pass(SysTime until) {
    stores.clock.set(until);
    return "passed";
}

std::string Call::answer(Side& side) const {
    try {
        return make(side);
    } catch (const Failure& failure) {
        return "throws " + failure.error().code + ": " + failure.error().text;
    } catch (const std::exception& error) {
        return std::string("throws ") + error.what();
    }
}

DeliveryPermit permit_for(ReplyId reply, int attempt) {
    return Permits::permit(reply, attempt);
}

std::string describe(const std::string& text) {
    return text;
}

std::string describe(bool yes) {
    return yes ? "yes" : "no";
}

std::string describe(const std::optional<Account>& account) {
    if (!account) return "none";
    return fmt::format("account {} of tenant {} at {}{}", account->id.to_string(), account->tenant.value,
                       account->endpoint.value, account->retired ? ", retired" : "");
}

std::string describe(const StoredMessage& message) {
    return fmt::format("conversation {} message {} seq {}{}", message.conversation.to_string(),
                       message.message.to_string(), message.seq, message.human ? " human" : "");
}

std::string describe(const TurnClaim& claim) {
    constexpr const char* states[] = {"claimed", "none", "too many"};
    return fmt::format("{} {}", states[static_cast<int>(claim.state)], claim.turn.to_string());
}

std::string describe(const TurnText& text) {
    constexpr const char* states[] = {"live", "over", "erased"};
    return fmt::format("{} '{}'", states[static_cast<int>(text.state)], text.text);
}

std::string describe(const std::vector<ReplyId>& replies) {
    std::string text = "replies";
    for (const auto& reply : replies) text += " " + reply.to_string();
    return text;
}

std::string describe(const std::optional<ReplyId>& reply) {
    return reply ? "reply " + reply->to_string() : "none";
}

std::string describe(const ReplyClaim& claim) {
    constexpr const char* states[] = {"send", "ready", "wait", "held", "closed", "delivered"};
    return fmt::format("{} '{}' until {} attempt {} on {} {} to {} {} '{}'",
                       states[static_cast<int>(claim.state)], claim.reason, moment(claim.until),
                       claim.permit ? claim.permit->attempt() : 0, claim.channel, claim.account,
                       claim.to.kind, claim.to.value, claim.text);
}

std::string describe(const Settled& settled) {
    constexpr const char* states[] = {"moved", "stale", "not ours"};
    return fmt::format("{} {}", states[static_cast<int>(settled.state)], settled.conversation.to_string());
}

std::string describe(const CallReservation& reservation) {
    constexpr const char* states[] = {"granted", "wait", "refused"};
    const SpentBudget& spent = reservation.spent;
    return fmt::format("{} {}{} '{}' {} {} {} {} {}", states[static_cast<int>(reservation.state)],
                       reservation.attempt, reservation.bounded ? " bounded" : "", reservation.reason,
                       spent.period, spent.hard, spent.spent, spent.asked, spent.currency);
}

std::string describe(const Inference& inference) {
    constexpr const char* states[] = {"live", "answered", "over", "erased"};
    std::string text = fmt::format(
        "{} '{}' epoch {} {} on {} {} to {} {} last '{}' passages", states[static_cast<int>(inference.state)],
        inference.reason, inference.epoch, describe(inference.replies), inference.channel, inference.account,
        inference.to.kind, inference.to.value, inference.last_message);
    for (const auto& passage : inference.passages) text += " " + passage.title;
    if (inference.is_first_answer) text += " first";
    for (const PersonalKind kind : inference.hidden) text += fmt::format(" -{}", name_of(kind));
    for (const auto& line : inference.history)
        text += fmt::format(" | {}{} {}", static_cast<int>(line.author), line.in_turn ? "*" : "", line.text);
    return text;
}

}  // namespace relevo::testing
