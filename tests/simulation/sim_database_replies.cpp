#include <algorithm>

#include "tests/simulation/sim_database.hpp"

namespace relevo {
namespace {

constexpr Millis unknown_for{60'000};  // then it counts as closed for what follows
constexpr Millis nudge_lost_after{600'000};
constexpr Millis ask_again{5'000};

constexpr std::size_t most_attempts = 5;  // of one of which nothing is known

std::string name_of(SimTurn::Status status) {
    return status == SimTurn::Status::superseded ? "superseded"
           : status == SimTurn::Status::dropped  ? "dropped"
                                                 : "open";
}

ReplyClaim answer(ReplyClaim::State state, std::string reason, SysTime until = {}) {
    ReplyClaim claim;
    claim.state = state;
    claim.reason = std::move(reason);
    claim.until = until;
    return claim;
}

}  // namespace

bool SimDatabase::is_held(const SimConversation& conversation, const SimTurn& turn, SysTime now) const {
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
    int pending = 0;
    for (const auto& id : tenant.conversations.at(reply.conversation).replies) {
        const SimReply& earlier = tenant.replies.at(id);
        if (!(earlier.order < reply.order)) continue;
        std::optional<SysTime> open;
        if (earlier.status == SimReply::Status::unknown) {
            const SimDelivery& last = earlier.deliveries.back();
            if (last.due > now && !last.receipt) open = std::min(*last.due, now + ask_again);
        } else if (earlier.status == SimReply::Status::pending) {
            SysTime last = std::max({earlier.due.value_or(earlier.created), earlier.created, earlier.asked});
            if (earlier.in_flight()) last = std::max(last, earlier.deliveries.back().at);
            if (last > now - nudge_lost_after) {
                // as many seconds as there are bubbles to wait for
                open = std::max(now + Millis{1'000} * ++pending,
                                std::max(earlier.due.value_or(now), earlier.asked) + Millis{1});
            }
        }
        if (open) until = std::max(until.value_or(*open), *open);
    }
    return until;
}

SimDatabase::Claimed SimDatabase::claim_reply(TenantId tenant_id, ReplyId id, int process, bool granted,
                                              bool admitted, SysTime now) {
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
    if (reply.status == SimReply::Status::pending && !reply.in_flight() &&
        is_anothers(conversation.account)) {
        reply.status = SimReply::Status::dropped;
        reply.reason = "account retired";
        return {answer(ReplyClaim::State::closed, reply.reason)};
    }
    if (reply.in_flight()) {
        // an intent of ours whose permit we never got is no send that was begun
        if (reply.deliveries.back().claimed_by == process && !granted) return send();
        reply.deliveries.back().status = SimDelivery::Status::unknown;
        reply.deliveries.back().due = now + unknown_for;
        reply.status = SimReply::Status::unknown;
        reply.reason = "unknown";
    }
    if (reply.status == SimReply::Status::unknown) {
        const bool again = resending.contains(conversation.account.channel) &&
                           !reply.deliveries.back().receipt && reply.deliveries.size() < most_attempts;
        if (!again) return {answer(ReplyClaim::State::closed, "unknown")};
    }
    if (reply.turn) {
        const SimTurn& turn = tenant.turns.at(*reply.turn);
        const bool over = turn.status != SimTurn::Status::answered && turn.status != SimTurn::Status::failed;
        // what is said when a human is called is said in the human's epoch
        const bool silenced = (conversation.human && reply.by_agent) || conversation.epoch != reply.epoch;
        if (silenced || over) {
            // what may have been sent already stays unknown
            if (reply.status == SimReply::Status::pending) {
                reply.status = SimReply::Status::dropped;
                reply.reason = silenced ? "human" : name_of(turn.status);
            }
            return {answer(ReplyClaim::State::closed, reply.reason)};
        }
        if (reply.by_agent && is_held(conversation, turn, now)) {
            return {answer(ReplyClaim::State::held, "newer message", now + ask_again)};
        }
    }
    if (const auto until = earlier_open_until(tenant, reply, now)) {
        reply.asked = *until;
        return {answer(ReplyClaim::State::wait, "earlier bubble", *until)};
    }
    if (reply.due > now) return {answer(ReplyClaim::State::wait, "pause", *reply.due)};
    if (conversation.next_send > now)
        return {answer(ReplyClaim::State::wait, "spacing", conversation.next_send)};
    if (!admitted && limited.contains(conversation.account.channel)) {
        ReplyClaim ready = answer(ReplyClaim::State::ready, "");
        ready.channel = conversation.account.channel;
        ready.account = conversation.account.external_id;
        return {std::move(ready)};
    }
    SimDelivery intent;
    intent.claimed_by = process;
    intent.at = now;
    intent.asked_at = now;
    intent.claimed = transaction;
    intent.claimed_at = moment;
    reply.deliveries.push_back(intent);
    reply.status = SimReply::Status::pending;
    reply.reason.clear();
    reply.due.reset();
    conversation.next_send = now + spacing_of(conversation);
    return send();
}

void SimDatabase::postpone_reply(TenantId tenant_id, ReplyId id, SysTime due) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.replies.find(id);
    if (found == tenant.replies.end()) return;
    SimReply& reply = found->second;
    if (reply.status == SimReply::Status::pending && !reply.in_flight()) reply.due = due;
}

// The bubble takes its place in the conversation, once.
void SimDatabase::confirm(SimTenant& tenant, SimReply& reply, SysTime now) {
    reply.status = SimReply::Status::sent;
    reply.reason.clear();
    SimConversation& conversation = tenant.conversations.at(reply.conversation);
    SimMessage message;
    message.event_id = "reply:" + reply.id.to_string();
    message.id = message_id(conversation.account.tenant, conversation.account.id, message.event_id);
    if (tenant.messages.contains(message.id)) return;
    message.seq = ++conversation.last_seq;
    message.inbound = false;
    message.author = reply.turn ? HistoryLine::Author::agent : HistoryLine::Author::human;
    message.text = reply.text;
    message.appended = now;
    message.turn = reply.turn;
    message.reply = reply.id;
    message.stored = transaction;
    if (shown) shown(conversation, reply);
    tenant.messages[message.id] = {conversation.id, message.seq};
    conversation.messages.push_back(std::move(message));
}

void SimDatabase::finish_reply(TenantId tenant_id, ReplyId id, int attempt, const Sent& sent,
                               std::optional<SysTime> due, SysTime now) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.replies.find(id);
    if (found == tenant.replies.end()) return;
    SimReply& reply = found->second;
    if (attempt < 1 || static_cast<std::size_t>(attempt) > reply.deliveries.size()) return;
    SimDelivery& delivery = reply.deliveries.at(static_cast<std::size_t>(attempt - 1));
    SimConversation& conversation = tenant.conversations.at(reply.conversation);
    const Millis distance = spacing_of(conversation);
    using Status = SimDelivery::Status;
    const bool accepted = sent.state == Sent::State::accepted;
    const bool refused = sent.state == Sent::State::refused;
    const bool was_unknown = delivery.status == Status::unknown;
    delivery.taken = accepted;
    // confirmed or failed is final; a certain answer may still come after `unknown`
    if (delivery.status == Status::confirmed || delivery.status == Status::failed ||
        (was_unknown && sent.state == Sent::State::unknown)) {
        if (!accepted) return;
        if (delivery.provider_id.empty()) delivery.provider_id = sent.provider_id;
        // the receipt was quicker than we: the next bubble still keeps its distance from now
        conversation.next_send = std::max(conversation.next_send, now + distance);
        return;
    }
    if (!refused || sent.error.fault != Fault::transient) due.reset();
    delivery.status = accepted ? Status::confirmed : refused ? Status::failed : Status::unknown;
    delivery.provider_id = sent.provider_id;
    delivery.at = now;
    delivery.due = due;
    if (sent.state == Sent::State::unknown) delivery.due = now + unknown_for;
    if (accepted) {
        confirm(tenant, reply, now);
    } else if (reply.status == SimReply::Status::sent ||
               static_cast<std::size_t>(attempt) < reply.deliveries.size()) {
        return;  // a later attempt decides
    } else if (!refused) {
        reply.status = SimReply::Status::unknown;
        reply.reason = "unknown";
    } else if (was_unknown || !due) {
        reply.status = SimReply::Status::failed;
        reply.reason = sent.error.code;
        reply.was_unknown = was_unknown;
    } else {
        reply.due = due;
    }
    // what was certainly not sent needs no distance to the next one
    conversation.next_send = refused ? now : now + distance;
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
        reply.reason = "unknown";
        claim.reason = reply.reason;
        return claim;
    }
    reply.status = SimReply::Status::dropped;
    reply.reason = "expired";
    claim.reason = reply.reason;
    return claim;
}

// By our reply id (the attempt that the provider's id names, else the newest), else by the provider's id.
std::pair<SimReply*, SimDelivery*> SimDatabase::delivery_of(const Account& account, const Receipt& receipt) {
    SimTenant& tenant = tenants[account.tenant];
    const auto of_account = [&](const SimReply& reply) {
        return tenant.conversations.at(reply.conversation).account.id == account.id;
    };
    const auto id = ReplyId::parse(receipt.reply);
    const auto found = id ? tenant.replies.find(*id) : tenant.replies.end();
    if (found != tenant.replies.end() && !found->second.deliveries.empty() && of_account(found->second)) {
        auto& deliveries = found->second.deliveries;
        const auto named = std::find_if(deliveries.rbegin(), deliveries.rend(), [&](const auto& delivery) {
            return delivery.provider_id == receipt.provider_id;
        });
        return {&found->second, named == deliveries.rend() ? &deliveries.back() : &*named};
    }
    std::pair<SimReply*, SimDelivery*> newest{};
    if (receipt.provider_id.empty()) return newest;
    for (auto& [reply_id, reply] : tenant.replies) {
        if (!of_account(reply)) continue;
        for (auto& delivery : reply.deliveries) {
            if (delivery.provider_id != receipt.provider_id) continue;
            if (!newest.second || newest.second->at < delivery.at) newest = {&reply, &delivery};
        }
    }
    return newest;
}

Settled SimDatabase::settle(const Account& account, const Receipt& receipt, SysTime now) {
    const auto found = delivery_of(account, receipt);
    SimReply* const reply = found.first;
    SimDelivery* const delivery = found.second;
    if (!reply) return {Settled::State::not_ours, {}};
    const bool failed = receipt.status == ReceiptStatus::failed;
    const auto before = delivery->receipt;
    if (before && (*before == ReceiptStatus::failed ||
                   (failed ? *before >= ReceiptStatus::delivered : *before >= receipt.status)))
        return {Settled::State::stale, {}};
    delivery->receipt = receipt.status;
    if (delivery->provider_id.empty()) delivery->provider_id = receipt.provider_id;
    delivery->status = failed ? SimDelivery::Status::failed : SimDelivery::Status::confirmed;
    if (!failed) {
        if (reply->status != SimReply::Status::sent) confirm(tenants[account.tenant], *reply, now);
    } else if (std::none_of(reply->deliveries.begin(), reply->deliveries.end(), [&](const auto& other) {
                   return &other != delivery && (other.status == SimDelivery::Status::confirmed ||
                                                 other.status == SimDelivery::Status::intent);
               })) {
        reply->status = SimReply::Status::failed;
        reply->reason = receipt.code;
        reply->failed_later = true;
    }
    return {Settled::State::moved, reply->conversation};
}

}  // namespace relevo
