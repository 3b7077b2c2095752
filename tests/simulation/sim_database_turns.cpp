#include <algorithm>

#include "tests/simulation/sim_database.hpp"

namespace relevo {

bool may_be_superseded(const SimTurn& turn, SysTime now) {
    return turn.supersedes_count < 2 && now - turn.first_at < Millis{90'000} && !turn.wrote;
}

std::set<TurnId> answered_turns(const SimTenant& tenant, TurnId turn) {
    std::set<TurnId> all;
    for (std::optional<TurnId> next = turn; next; next = tenant.turns.at(*next).supersedes) all.insert(*next);
    return all;
}

TurnClaim SimDatabase::claim_turn(TenantId tenant_id, ConversationId id, const std::vector<MessageId>& wanted,
                                  SysTime now, int max_open_turns) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.conversations.find(id);
    if (found == tenant.conversations.end() || found->second.human) return {TurnClaim::State::none, {}};
    SimConversation& conversation = found->second;
    const auto unclaimed = [&](const SimMessage& message) {
        return message.opens_turn() && !message.turn && message.seq > conversation.handled_seq;
    };
    std::vector<SimMessage*> of_burst;
    for (auto& message : conversation.messages) {
        if (std::find(wanted.begin(), wanted.end(), message.id) != wanted.end()) of_burst.push_back(&message);
    }
    if (std::none_of(of_burst.begin(), of_burst.end(),
                     [&](const auto* message) { return unclaimed(*message); })) {
        for (auto message = of_burst.rbegin(); message != of_burst.rend(); ++message) {
            if ((*message)->turn) return {TurnClaim::State::claimed, *(*message)->turn};
        }
        return {TurnClaim::State::none, {}};
    }
    if (tenant.open.size() >= static_cast<std::size_t>(max_open_turns))
        return {TurnClaim::State::too_many, {}};

    SimTurn made;
    for (auto& message : conversation.messages) {
        if (!unclaimed(message)) continue;
        if (made.first_seq == 0) {
            made.id = turn_id(id, message.id);
            made.first_seq = message.seq;
            made.first_at = message.appended;
        }
        made.last_seq = message.seq;
        message.turn = made.id;
    }
    made.conversation = id;
    made.epoch = conversation.epoch;

    for (auto before = conversation.turns.rbegin(); before != conversation.turns.rend(); ++before) {
        SimTurn& previous = tenant.turns.at(*before);
        const bool unsent =
            std::any_of(conversation.replies.begin(), conversation.replies.end(), [&](const auto& reply) {
                const SimReply& it = tenant.replies.at(reply);
                return it.turn == previous.id && it.status == SimReply::Status::pending;
            });
        const bool alive = previous.status == SimTurn::Status::open ||
                           (previous.status == SimTurn::Status::answered && unsent);
        if (!alive) continue;
        // Its claimer may have died before it told anyone: then only this turn can answer its messages.
        const bool nobody_looked = previous.status == SimTurn::Status::open && !previous.step &&
                                   std::any_of(of_burst.begin(), of_burst.end(), [&](const auto* message) {
                                       return message->turn == previous.id;
                                   });
        if (may_be_superseded(previous, now) || nobody_looked) {
            close_turn(tenant, previous, SimTurn::Status::superseded, "superseded");
            drop_unsent(tenant, conversation, previous.id, "superseded");
            made.supersedes = previous.id;
            made.supersedes_count = previous.supersedes_count + 1;
            made.first_at = previous.first_at;
        }
        break;
    }
    conversation.turns.push_back(made.id);
    tenant.open.insert(made.id);
    const TurnId turn = made.id;
    tenant.turns[turn] = std::move(made);
    return {TurnClaim::State::claimed, turn};
}

void SimDatabase::expire_messages(TenantId tenant_id, ConversationId id,
                                  const std::vector<MessageId>& wanted) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.conversations.find(id);
    if (found == tenant.conversations.end()) return;
    SimConversation& conversation = found->second;
    const auto in_burst = [&](const SimMessage& message) {
        return std::find(wanted.begin(), wanted.end(), message.id) != wanted.end();
    };
    std::int64_t newest = 0;
    for (const auto& message : conversation.messages) {
        if (in_burst(message)) newest = message.seq;
    }
    SimTurn made;
    for (auto& message : conversation.messages) {
        if (message.turn && in_burst(message)) {
            SimTurn& turn = tenant.turns.at(*message.turn);
            if (turn.status == SimTurn::Status::open && turn.last_seq <= newest)
                close_turn(tenant, turn, SimTurn::Status::dropped, "expired");
        }
        if (!message.opens_turn() || message.turn || message.seq <= conversation.handled_seq) continue;
        if (message.seq > newest) continue;
        if (made.first_seq == 0) {
            made.id = turn_id(id, message.id);
            made.first_seq = message.seq;
            made.first_at = message.appended;
        }
        made.last_seq = message.seq;
        message.turn = made.id;
    }
    if (made.first_seq == 0) return;
    made.conversation = id;
    made.epoch = conversation.epoch;
    close_turn(tenant, made, SimTurn::Status::dropped, "expired");
    conversation.turns.push_back(made.id);
    const TurnId turn = made.id;
    tenant.turns[turn] = std::move(made);
}

TurnText SimDatabase::turn_text(TenantId tenant_id, TurnId id) {
    const SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.turns.find(id);
    if (found == tenant.turns.end()) return {TurnText::State::erased, {}};
    const auto turns = answered_turns(tenant, id);
    TurnText out{
        found->second.status == SimTurn::Status::open ? TurnText::State::live : TurnText::State::over, {}};
    for (const auto& message : tenant.conversations.at(found->second.conversation).messages) {
        if (message.inbound && message.turn && turns.contains(*message.turn)) out.text += message.text + "\n";
    }
    return out;
}

void SimDatabase::freeze_step(TenantId tenant, TurnId turn, std::vector<Passage> passages) {
    SimTurn& it = tenants.at(tenant).turns.at(turn);
    if (!it.step) it.step = std::move(passages);
}

Inference SimDatabase::load(TenantId tenant_id, TurnId id) {
    const SimTenant& tenant = tenants[tenant_id];
    Inference out;
    const auto found = tenant.turns.find(id);
    if (found == tenant.turns.end()) {
        out.state = Inference::State::erased;
        return out;
    }
    const SimTurn& turn = found->second;
    const SimConversation& conversation = tenant.conversations.at(turn.conversation);
    out.epoch = turn.epoch;
    if (turn.status == SimTurn::Status::answered) {
        out.state = Inference::State::answered;
        for (const auto& reply : conversation.replies) {
            if (tenant.replies.at(reply).turn == id) out.replies.push_back(reply);
        }
        return out;
    }
    if (turn.status != SimTurn::Status::open || conversation.human || conversation.epoch != turn.epoch) {
        out.state = Inference::State::over;
        out.reason = turn.reason.empty() ? "human" : turn.reason;
        return out;
    }
    const auto turns = answered_turns(tenant, id);
    for (const auto& message : conversation.messages) {
        const bool in_turn = message.turn && turns.contains(*message.turn) && message.inbound;
        if (message.inbound && message.seq > turn.last_seq) continue;
        out.history.push_back({message.author, message.text, in_turn});
        if (message.turn == id && message.inbound) out.last_message = message.event_id;
    }
    out.shop = "shop " + tenant_id.to_string();
    out.agent.name = "sim";
    out.agent.provider = "sim";
    out.passages = turn.step.value_or(std::vector<Passage>{});
    out.channel = conversation.account.channel;
    out.account = conversation.account.external_id;
    out.to = conversation.to;
    return out;
}

std::vector<ReplyId> SimDatabase::commit_answer(TenantId tenant_id, TurnId id,
                                                const std::vector<std::string>& bubbles, SysTime now) {
    SimTenant& tenant = tenants.at(tenant_id);
    SimTurn& turn = tenant.turns.at(id);
    SimConversation& conversation = tenant.conversations.at(turn.conversation);
    if (turn.status == SimTurn::Status::answered) return load(tenant_id, id).replies;
    if (turn.status != SimTurn::Status::open) return {};
    if (conversation.human || conversation.epoch != turn.epoch) {
        close_turn(tenant, turn, SimTurn::Status::dropped, "human");
        return {};
    }
    std::vector<ReplyId> out;
    for (const auto& bubble : bubbles) {
        const int index = static_cast<int>(out.size());
        SimReply reply;
        reply.id = agent_reply_id(id, index);
        reply.conversation = conversation.id;
        reply.turn = id;
        reply.text = bubble;
        reply.epoch = turn.epoch;
        reply.order = {turn.last_seq, index};
        reply.created = now;
        out.push_back(reply.id);
        conversation.replies.push_back(reply.id);
        tenant.replies[reply.id] = std::move(reply);
    }
    close_turn(tenant, turn, SimTurn::Status::answered, "");
    return out;
}

std::vector<ReplyId> SimDatabase::fail_turn(TenantId tenant_id, TurnId id, const std::string& code,
                                            SysTime now) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.turns.find(id);
    if (found == tenant.turns.end()) return {};
    SimTurn& turn = found->second;
    if (turn.status == SimTurn::Status::failed) return {agent_reply_id(id, 0)};
    const bool was_open = turn.status == SimTurn::Status::open;
    const auto replies = commit_answer(tenant_id, id, {"fallback"}, now);
    if (was_open && turn.status == SimTurn::Status::answered) {
        turn.status = SimTurn::Status::failed;
        turn.reason = code;
        tenant.replies.at(replies.front()).by_agent = false;  // the system's: no newer message holds it
    }
    return replies;
}

void SimDatabase::drop_turn(TenantId tenant_id, TurnId id, const std::string& reason) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.turns.find(id);
    if (found == tenant.turns.end() || found->second.status != SimTurn::Status::open) return;
    close_turn(tenant, found->second, SimTurn::Status::dropped, reason);
}

}  // namespace relevo
