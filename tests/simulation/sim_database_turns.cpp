#include <algorithm>

#include "domain/disclosure.hpp"
#include "tests/simulation/sim_database.hpp"

namespace relevo {
namespace {

constexpr std::size_t longest_turn = 100;    // messages of one turn that are read
constexpr std::size_t longest_history = 40;  // lines before it

std::vector<ReplyId> replies_of(const SimTenant& tenant, const SimTurn& turn) {
    std::vector<ReplyId> out;
    for (const auto& reply : tenant.conversations.at(turn.conversation).replies) {
        if (tenant.replies.at(reply).turn == turn.id) out.push_back(reply);
    }
    return out;
}

// The turn's own messages always have their place; of the rest the newest.
std::vector<HistoryLine> history_lines(const SimTenant& tenant, const SimTurn& turn, const SimStep& step) {
    const SimConversation& conversation = tenant.conversations.at(turn.conversation);
    const auto turns = answered_turns(tenant, turn.id);
    std::map<std::pair<std::int64_t, int>, HistoryLine> lines;  // by place
    std::size_t own = 0;
    std::size_t before = 0;
    for (auto it = conversation.messages.rbegin(); it != conversation.messages.rend(); ++it) {
        const bool in_turn = it->inbound && it->turn && turns.contains(*it->turn);
        if (in_turn) {
            if (++own <= longest_turn) lines[{it->seq, 0}] = {it->author, it->text, true};
            continue;
        }
        const bool said =
            it->inbound
                ? it->opens_turn() && it->seq <= turn.last_seq
                : it->seq <= step.cutoff.value_or(conversation.last_seq) &&
                      !(it->reply && tenant.replies.at(*it->reply).status == SimReply::Status::failed);
        if (said && ++before <= longest_history) lines[{it->seq, 0}] = {it->author, it->text, false};
    }
    for (const auto& id : step.pending) {
        const SimReply& reply = tenant.replies.at(id);
        const auto author = reply.turn ? HistoryLine::Author::agent : HistoryLine::Author::human;
        lines[{reply.order.first, 1 + reply.order.second}] = {author, reply.text, false};
    }
    std::vector<HistoryLine> out;
    for (auto& [place, line] : lines) out.push_back(std::move(line));
    return out;
}

}  // namespace

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
    // A turn that was made and never went on has its place already: its burst must not wait.
    const bool has_its_place = std::any_of(wanted.begin(), wanted.end(), [&](const auto& message) {
        const auto place = tenant.messages.find(message);
        if (place == tenant.messages.end()) return false;
        const auto& [where, seq] = place->second;
        const auto& turn = tenant.conversations.at(where).messages.at(static_cast<std::size_t>(seq - 1)).turn;
        return turn && tenant.open.contains(*turn) && tenant.turns.at(*turn).steps.empty();
    });
    if (tenant.open.size() >= static_cast<std::size_t>(max_open_turns) && !has_its_place)
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
        message.claimed = transaction;
    }
    made.conversation = id;
    made.epoch = conversation.epoch;

    for (auto before = conversation.turns.rbegin(); before != conversation.turns.rend(); ++before) {
        SimTurn& previous = tenant.turns.at(*before);
        const bool unsent =
            std::any_of(conversation.replies.begin(), conversation.replies.end(), [&](const auto& reply) {
                const SimReply& it = tenant.replies.at(reply);
                return it.turn == previous.id && it.status == SimReply::Status::pending && !it.in_flight();
            });
        const bool alive = previous.status == SimTurn::Status::open ||
                           (previous.status == SimTurn::Status::answered && unsent);
        if (!alive) continue;
        // Its claimer may have died before it told anyone: then only this turn can answer its messages.
        const bool nobody_looked = previous.status == SimTurn::Status::open && previous.steps.empty() &&
                                   std::any_of(of_burst.begin(), of_burst.end(), [&](const auto* message) {
                                       return message->turn == previous.id;
                                   });
        if (may_be_superseded(previous, now) || nobody_looked) {
            close_turn(tenant, previous, SimTurn::Status::superseded, "");
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
    std::vector<std::string> said;
    for (const auto& message : tenant.conversations.at(found->second.conversation).messages) {
        if (message.inbound && message.turn && turns.contains(*message.turn)) said.push_back(message.text);
    }
    if (said.empty()) return {TurnText::State::erased, {}};
    TurnText out{
        found->second.status == SimTurn::Status::open ? TurnText::State::live : TurnText::State::over, {}};
    for (std::size_t i = said.size() > longest_turn ? said.size() - longest_turn : 0; i < said.size(); ++i)
        out.text += (out.text.empty() ? "" : "\n") + said[i];
    return out;
}

void SimDatabase::freeze_step(TenantId tenant_id, TurnId id, std::vector<Passage> passages) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.turns.find(id);
    if (found == tenant.turns.end()) return;
    SimTurn& turn = found->second;
    const SimConversation& conversation = tenant.conversations.at(turn.conversation);
    SimStep step{std::move(passages), conversation.last_seq, {}, tenant.redact};
    for (const auto& reply : conversation.replies) {
        const SimReply& it = tenant.replies.at(reply);
        if (it.status == SimReply::Status::pending && it.order.first < turn.first_seq)
            step.pending.push_back(reply);
    }
    turn.steps.try_emplace(0, std::move(step));
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
        out.replies = replies_of(tenant, turn);
        return out;
    }
    if (turn.status != SimTurn::Status::open || conversation.human || conversation.epoch != turn.epoch) {
        out.state = Inference::State::over;
        out.reason = turn.status == SimTurn::Status::open         ? "human"
                     : turn.status == SimTurn::Status::failed     ? "failed"
                     : turn.status == SimTurn::Status::superseded ? "superseded"
                                                                  : turn.reason;
        return out;
    }
    // step 0 carries the request of every step of its turn
    const auto frozen = turn.steps.find(0);
    const SimStep step = frozen == turn.steps.end() ? SimStep{} : frozen->second;
    out.history = history_lines(tenant, turn, step);
    for (const auto& message : conversation.messages) {
        if (message.turn == id && message.inbound) out.last_message = message.event_id;
    }
    out.shop = "shop " + tenant_id.to_string();
    out.agent.name = "sim";
    out.agent.provider = "sim";
    out.passages = step.passages;
    out.hidden = step.redact.value_or(tenant.redact);
    out.channel = conversation.account.channel;
    out.account = conversation.account.external_id;
    out.to = conversation.to;
    out.agent.disclosure = tenant.disclosure;
    out.is_first_answer = is_first_answer(tenant_id, id);
    return out;
}

// The first bubble discloses: where nobody got it the next answer has to, and one that goes out before it.
bool SimDatabase::is_first_answer(TenantId tenant_id, TurnId id) const {
    using Status = SimReply::Status;
    const auto found = tenants.find(tenant_id);
    if (found == tenants.end() || !found->second.turns.contains(id)) return false;
    const SimTenant& tenant = found->second;
    const SimTurn& turn = tenant.turns.at(id);
    const SimConversation& conversation = tenant.conversations.at(turn.conversation);
    return std::none_of(conversation.replies.begin(), conversation.replies.end(), [&](const ReplyId& reply) {
        const SimReply& it = tenant.replies.at(reply);
        const bool is_lost = it.status == Status::dropped || it.status == Status::failed;
        if (!conversation.first_answer) return it.turn && !is_lost;
        const bool comes_later = it.status == Status::pending && it.order.first > turn.last_seq;
        return it.turn == conversation.first_answer && it.order.second == 0 && !is_lost && !comes_later;
    });
}

std::vector<ReplyId> SimDatabase::commit_answer(TenantId tenant_id, TurnId id, int step,
                                                const std::vector<std::string>& bubbles, SysTime now) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.turns.find(id);
    if (found == tenant.turns.end()) return {};
    SimTurn& turn = found->second;
    turn.steps[step].answered = true;  // the call was made and will be billed, whatever becomes of its answer
    if (turn.status == SimTurn::Status::answered) return replies_of(tenant, turn);
    if (turn.status != SimTurn::Status::open || !may_speak(tenant, turn)) return {};
    if (!bubbles.empty() && is_first_answer(tenant_id, id))
        tenant.conversations.at(turn.conversation).first_answer = id;
    const auto replies = add_replies(tenant, turn, bubbles, now);
    close_turn(tenant, turn, SimTurn::Status::answered, "");
    return replies;
}

std::vector<ReplyId> SimDatabase::fail_turn(TenantId tenant_id, TurnId id, const std::string& code,
                                            SysTime now) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.turns.find(id);
    if (found == tenant.turns.end()) return {};
    SimTurn& turn = found->second;
    if (turn.status == SimTurn::Status::answered || turn.status == SimTurn::Status::failed)
        return replies_of(tenant, turn);
    if (turn.status != SimTurn::Status::open || !may_speak(tenant, turn)) return {};
    const bool is_first = is_first_answer(tenant_id, id);
    if (is_first) tenant.conversations.at(turn.conversation).first_answer = id;
    const auto replies =
        add_replies(tenant, turn, {is_first ? disclosed("fallback", tenant.disclosure) : "fallback"}, now);
    tenant.replies.at(replies.front()).by_agent = false;  // the system's: no newer message holds it
    close_turn(tenant, turn, SimTurn::Status::failed, code);
    return replies;
}

// What was decided before somebody took over is void.
bool SimDatabase::may_speak(SimTenant& tenant, SimTurn& turn) {
    const SimConversation& conversation = tenant.conversations.at(turn.conversation);
    if (!conversation.human && conversation.epoch == turn.epoch) return true;
    close_turn(tenant, turn, SimTurn::Status::dropped, "human");
    return false;
}

std::vector<ReplyId> SimDatabase::add_replies(SimTenant& tenant, const SimTurn& turn,
                                              const std::vector<std::string>& bubbles, SysTime now) {
    std::vector<ReplyId> out;
    for (const auto& bubble : bubbles) {
        const int index = static_cast<int>(out.size());
        SimReply reply;
        reply.id = agent_reply_id(turn.id, index);
        reply.conversation = turn.conversation;
        reply.turn = turn.id;
        reply.text = bubble;
        reply.epoch = turn.epoch;
        reply.order = {turn.last_seq, index};
        reply.created = now;
        reply.made = transaction;
        out.push_back(reply.id);
        tenant.conversations.at(turn.conversation).replies.push_back(reply.id);
        tenant.replies[reply.id] = std::move(reply);
    }
    return out;
}

void SimDatabase::drop_turn(TenantId tenant_id, TurnId id, const std::string& reason) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.turns.find(id);
    if (found == tenant.turns.end() || found->second.status != SimTurn::Status::open) return;
    close_turn(tenant, found->second, SimTurn::Status::dropped, reason);
}

}  // namespace relevo
