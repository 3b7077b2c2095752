#include <algorithm>

#include "tests/simulation/sim_database.hpp"

namespace relevo {
namespace {

constexpr Millis unknown_for{60'000};  // then it counts as closed for what follows
constexpr Millis nudge_lost_after{600'000};
constexpr Millis ask_again{5'000};

ReplyClaim answer(ReplyClaim::State state, std::string reason, SysTime until = {}) {
    ReplyClaim claim;
    claim.state = state;
    claim.reason = std::move(reason);
    claim.until = until;
    return claim;
}

}  // namespace

bool SimDatabase::is_held(const SimConversation& conversation, const SimTurn& turn, SysTime now) {
    return may_be_superseded(turn, now) &&
           std::any_of(conversation.messages.begin(), conversation.messages.end(),
                       [&](const SimMessage& message) {
                           return message.opens_turn() && !message.turn &&
                                  message.seq > std::max(conversation.handled_seq, turn.last_seq);
                       });
}

std::optional<SysTime> SimDatabase::earlier_open_until(const SimTenant& tenant, const SimReply& reply,
                                                       SysTime now) {
    std::optional<SysTime> until;
    for (const auto& id : tenant.conversations.at(reply.conversation).replies) {
        const SimReply& earlier = tenant.replies.at(id);
        if (!(earlier.order < reply.order)) continue;
        std::optional<SysTime> open;
        if (earlier.status == SimReply::Status::unknown) {
            const SimDelivery& last = earlier.deliveries.back();
            if (last.due > now && !last.receipt) open = *last.due;
        } else if (earlier.status == SimReply::Status::pending) {
            SysTime last = std::max({earlier.due.value_or(earlier.created), earlier.created, earlier.asked});
            if (earlier.in_flight()) last = std::max(last, earlier.deliveries.back().at);
            if (last > now - nudge_lost_after)
                open = std::max(now + Millis{1'000}, earlier.due.value_or(now));
        }
        if (open) until = std::max(until.value_or(*open), *open);
    }
    return until;
}

SimDatabase::Claimed SimDatabase::claim_reply(TenantId tenant_id, ReplyId id, int process, bool granted,
                                              SysTime now) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.replies.find(id);
    if (found == tenant.replies.end()) return {answer(ReplyClaim::State::closed, "erased")};
    SimReply& reply = found->second;
    SimConversation& conversation = tenant.conversations.at(reply.conversation);
    const auto send = [&] {
        ReplyClaim claim = answer(ReplyClaim::State::send, "");
        claim.channel = conversation.account.channel;
        claim.account = conversation.account.external_id;
        claim.to = conversation.to;
        claim.text = reply.text;
        return Claimed{std::move(claim), static_cast<int>(reply.deliveries.size())};
    };
    if (reply.status == SimReply::Status::sent) return {answer(ReplyClaim::State::delivered, "")};
    if (reply.status == SimReply::Status::dropped || reply.status == SimReply::Status::failed) {
        return {answer(ReplyClaim::State::closed, reply.reason)};
    }
    if (reply.in_flight()) {
        // an intent of ours whose permit we never got is no send that was begun
        if (reply.deliveries.back().claimed_by == process && !granted) return send();
        reply.deliveries.back().status = SimDelivery::Status::unknown;
        reply.deliveries.back().due = now + unknown_for;
        reply.status = SimReply::Status::unknown;
    }
    // the simulated channel holds: a second copy could be seen
    if (reply.status == SimReply::Status::unknown) return {answer(ReplyClaim::State::closed, "unknown")};
    if (reply.turn) {
        const SimTurn& turn = tenant.turns.at(*reply.turn);
        const bool over = turn.status != SimTurn::Status::answered && turn.status != SimTurn::Status::failed;
        if (conversation.human || conversation.epoch != reply.epoch || over) {
            reply.status = SimReply::Status::dropped;
            reply.reason = over ? turn.reason : "human";
            return {answer(ReplyClaim::State::closed, reply.reason)};
        }
        if (reply.by_agent && is_held(conversation, turn, now)) {
            return {answer(ReplyClaim::State::held, "newer message", now + ask_again)};
        }
    }
    if (const auto until = earlier_open_until(tenant, reply, now)) {
        reply.asked = now;
        return {answer(ReplyClaim::State::wait, "earlier bubble", *until)};
    }
    if (reply.due > now) return {answer(ReplyClaim::State::wait, "pause", *reply.due)};
    if (conversation.next_send > now)
        return {answer(ReplyClaim::State::wait, "spacing", conversation.next_send)};
    SimDelivery intent;
    intent.claimed_by = process;
    intent.at = now;
    reply.deliveries.push_back(intent);
    reply.due.reset();
    conversation.next_send = now + spacing;
    return send();
}

void SimDatabase::confirm(SimTenant& tenant, SimReply& reply, SysTime now) {
    if (reply.status == SimReply::Status::sent) return;
    reply.status = SimReply::Status::sent;
    SimConversation& conversation = tenant.conversations.at(reply.conversation);
    SimMessage message;
    message.id = message_id({}, conversation.account.id, "reply:" + reply.id.to_string());
    message.seq = ++conversation.last_seq;
    message.inbound = false;
    message.author = reply.turn ? HistoryLine::Author::agent : HistoryLine::Author::human;
    message.text = reply.text;
    message.appended = now;
    message.turn = reply.turn;
    conversation.messages.push_back(std::move(message));
}

void SimDatabase::finish_reply(TenantId tenant_id, ReplyId id, int attempt, const Sent& sent,
                               std::optional<SysTime> due, SysTime now) {
    SimTenant& tenant = tenants.at(tenant_id);
    SimReply& reply = tenant.replies.at(id);
    SimDelivery& delivery = reply.deliveries.at(static_cast<std::size_t>(attempt - 1));
    SimConversation& conversation = tenant.conversations.at(reply.conversation);
    using Status = SimDelivery::Status;
    const bool was_unknown = delivery.status == Status::unknown;
    if (delivery.status == Status::confirmed || delivery.status == Status::failed) return;
    if (was_unknown && sent.state == Sent::State::unknown) return;
    conversation.next_send = now;
    delivery.provider_id = sent.provider_id;
    switch (sent.state) {
        case Sent::State::accepted:
            delivery.status = Status::confirmed;
            confirm(tenant, reply, now);
            conversation.next_send = now + spacing;
            break;
        case Sent::State::unknown:
            delivery.status = Status::unknown;
            delivery.due = now + unknown_for;
            reply.status = SimReply::Status::unknown;
            conversation.next_send = now + spacing;
            break;
        case Sent::State::refused:
            delivery.status = Status::failed;
            if (reply.status == SimReply::Status::sent) break;
            if (was_unknown || !due) {
                reply.status = SimReply::Status::failed;
                reply.reason = sent.error.code;
                reply.was_unknown = was_unknown;
            } else {
                reply.due = due;
            }
    }
}

ReplyClaim SimDatabase::expire_reply(TenantId tenant_id, ReplyId id, SysTime now) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.replies.find(id);
    ReplyClaim claim;
    claim.state = ReplyClaim::State::closed;
    claim.reason = "erased";
    if (found == tenant.replies.end()) return claim;
    SimReply& reply = found->second;
    if (reply.status == SimReply::Status::sent) claim.state = ReplyClaim::State::delivered;
    claim.reason = reply.reason;
    if (reply.status != SimReply::Status::pending) return claim;
    if (reply.in_flight()) {
        reply.deliveries.back().status = SimDelivery::Status::unknown;
        reply.deliveries.back().due = now + unknown_for;
        reply.status = SimReply::Status::unknown;
        claim.reason = "unknown";
        return claim;
    }
    reply.status = SimReply::Status::dropped;
    reply.reason = "expired";
    claim.reason = reply.reason;
    return claim;
}

Settled SimDatabase::settle(const Account& account, const Receipt& receipt, SysTime now) {
    SimTenant& tenant = tenants[account.tenant];
    const auto id = ReplyId::parse(receipt.reply);  // the simulated provider always brings it back
    const auto found = id ? tenant.replies.find(*id) : tenant.replies.end();
    if (found == tenant.replies.end() || found->second.deliveries.empty())
        return {Settled::State::not_ours, {}};
    SimReply& reply = found->second;
    SimDelivery& delivery = reply.deliveries.back();
    if (tenant.conversations.at(reply.conversation).account.id != account.id)
        return {Settled::State::not_ours, {}};
    const bool failed = receipt.status == ReceiptStatus::failed;
    const bool stale =
        delivery.receipt &&
        (*delivery.receipt == ReceiptStatus::failed ||
         (failed ? *delivery.receipt >= ReceiptStatus::delivered : *delivery.receipt >= receipt.status));
    if (stale) return {Settled::State::stale, {}};
    delivery.receipt = receipt.status;
    if (delivery.provider_id.empty()) delivery.provider_id = receipt.provider_id;
    delivery.status = failed ? SimDelivery::Status::failed : SimDelivery::Status::confirmed;
    if (failed) {
        reply.status = SimReply::Status::failed;
        reply.reason = receipt.code;
    } else {
        confirm(tenant, reply, now);
    }
    return {Settled::State::moved, reply.conversation};
}

}  // namespace relevo
