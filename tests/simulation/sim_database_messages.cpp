#include <algorithm>
#include <set>
#include <tuple>

#include "tests/simulation/sim_database.hpp"

namespace relevo {
namespace {

StoredMessage stored(const SimConversation& conversation, const SimMessage& message) {
    return {conversation.id, message.id, message.seq,
            !message.turn && message.seq <= conversation.handled_seq};
}

}  // namespace

// The shop that alone can be meant by what comes through the address.
std::optional<TenantId> SimDatabase::sole_shop(EndpointId scope) const {
    std::set<TenantId> shops;
    for (const auto& account : accounts) {
        if (speaks_for(scope, account)) shops.insert(account.tenant);
    }
    return shops.size() == 1 ? std::optional(*shops.begin()) : std::nullopt;
}

// The name of the account that a webhook of the address means when it names none.
std::string SimDatabase::sole_account(const std::string& channel, EndpointId scope) const {
    const Account* found = nullptr;
    std::size_t standing = 0;
    for (const auto& account : accounts) {
        if (account.channel != channel || account.endpoint != scope) continue;
        if (!account.retired) ++standing;
        if (!found || found->retired) found = &account;
    }
    return found && standing <= 1 && sole_shop(scope) ? found->external_id : std::string();
}

std::optional<Account> SimDatabase::find_account(const std::string& channel, const std::string& external_id,
                                                 EndpointId scope, std::optional<SysTime> written) {
    const std::string name = external_id.empty() ? sole_account(channel, scope) : external_id;
    // whose it was then; else whom the address speaks for, of these the last one before, else the first
    const auto rank = [&](const Account& account) {
        const auto known = held.find({account.tenant, account.id});
        const auto [since, until] =
            known == held.end() ? std::pair(SysTime::min(), SysTime::max()) : known->second;
        const bool begun = !written || since <= *written;
        return std::tuple(written && begun && *written < until, speaks_for(scope, account), begun,
                          begun ? since.time_since_epoch() : -since.time_since_epoch());
    };
    const Account* found = nullptr;
    for (const auto& account : accounts) {
        if (name.empty() || account.channel != channel || account.external_id != name) continue;
        if (!found || rank(*found) < rank(account)) found = &account;
    }
    return found ? std::optional(*found) : std::nullopt;
}

bool SimDatabase::is_anothers(const Account& account) const {
    return std::ranges::any_of(accounts, [&](const Account& other) {
        return other.id == account.id && other.tenant != account.tenant && !other.retired;
    });
}

std::optional<Account> SimDatabase::find_owner(const std::string& channel, EndpointId scope) {
    const auto shop = sole_shop(scope);
    std::optional<Account> found;
    for (const auto& account : accounts) {
        if (account.channel != channel || account.tenant != shop) continue;
        if (!found || (found->retired && !account.retired)) found = account;
    }
    return found;
}

std::optional<Endpoint> SimDatabase::find_endpoint(const std::string& channel, const std::string& key) const {
    const auto found = endpoints.find(key);
    if (found == endpoints.end() || found->second.channel != channel) return std::nullopt;
    return found->second;
}

// Parked again, the later time counts, and whoever is waking it now must not delete it.
void SimDatabase::park(const Timer& timer) {
    const Record& record = timer.record;
    const TimerId id = timer_id(record.topic, record.key, record.headers.id);
    const auto [found, made] = timers.try_emplace(id, SimTimer{{}, timer, last_timer_life + 1, 1, {}});
    SimTimer& it = found->second;
    if (made) {
        ++last_timer_life;
        return;
    }
    it.timer = {std::max(it.timer.due, timer.due), record};
    ++it.parks;
    it.leased_until.reset();
}

Millis SimDatabase::spacing_of(const SimConversation& conversation) const {
    const auto own = spacings.find(conversation.account.channel);
    return own == spacings.end() ? spacing : own->second;
}

SimConversation& SimDatabase::ensure_conversation(const Account& account, const Inbound& inbound) {
    SimTenant& tenant = tenants[account.tenant];
    std::set<ContactId> known;
    for (const auto& alias : inbound.aliases) {
        const auto found = tenant.aliases.find({alias.kind, alias.value});
        if (found != tenant.aliases.end()) known.insert(found->second);
    }
    const Alias& first = inbound.aliases.front();
    if (known.empty()) {
        known.insert(contact_id(account.tenant, first.kind, first.value));
        tenant.contacts.push_back(*known.begin());
    }
    // several are one person who was met under several names: the oldest one goes on
    const ContactId contact = *std::find_if(tenant.contacts.begin(), tenant.contacts.end(),
                                            [&](const auto& oldest) { return known.contains(oldest); });
    for (const auto& alias : inbound.aliases) tenant.aliases.try_emplace({alias.kind, alias.value}, contact);
    const ConversationId id = conversation_id(account.tenant, contact, account.id);
    SimConversation& conversation = tenant.conversations[id];
    if (conversation.id != id) conversation.to = first;
    conversation.id = id;
    conversation.account = account;
    return conversation;
}

StoredMessage SimDatabase::store_message(const Account& account, const Inbound& inbound, SysTime appended) {
    SimTenant& tenant = tenants[account.tenant];
    const MessageId id = message_id(account.tenant, account.id, inbound.event_id);
    if (const auto found = tenant.messages.find(id); found != tenant.messages.end()) {
        const SimConversation& theirs = tenant.conversations.at(found->second.first);
        const SimMessage& known = theirs.messages[static_cast<std::size_t>(found->second.second - 1)];
        StoredMessage result = stored(theirs, known);
        if (known.turn) {
            const SimTurn& turn = tenant.turns.at(*known.turn);
            result.retired = turn.status == SimTurn::Status::dropped && turn.reason == "account retired";
        }
        return result;
    }
    SimConversation& conversation = ensure_conversation(account, inbound);
    SimMessage message;
    message.id = id;
    message.seq = ++conversation.last_seq;
    message.kind = inbound.kind;
    message.text = inbound.text;
    message.event_id = inbound.event_id;
    message.appended = appended;
    message.stored = transaction;
    conversation.messages.push_back(message);
    conversation.to = inbound.aliases.front();
    if (account.retired) drop_message(tenant, conversation, conversation.messages.back(), "account retired");
    if (conversation.human) conversation.handled_seq = message.seq;
    tenant.messages[id] = {conversation.id, message.seq};
    return {conversation.id, id, message.seq, conversation.human, account.retired && message.opens_turn()};
}

// It ends in a turn of its own. What has an end keeps it.
void SimDatabase::drop_message(SimTenant& tenant, SimConversation& conversation, SimMessage& message,
                               const std::string& reason) {
    if (message.turn || !message.opens_turn() || message.seq <= conversation.handled_seq) return;
    SimTurn made;
    made.id = turn_id(conversation.id, message.id);
    made.conversation = conversation.id;
    made.first_seq = made.last_seq = message.seq;
    made.first_at = message.appended;
    made.epoch = conversation.epoch;
    message.turn = made.id;
    message.claimed = transaction;
    close_turn(tenant, made, SimTurn::Status::dropped, reason);
    conversation.turns.push_back(made.id);
    const TurnId turn = made.id;
    tenant.turns[turn] = std::move(made);
}

StoredMessage SimDatabase::store_echo(const Account& account, const Inbound& inbound, SysTime appended) {
    SimTenant& tenant = tenants[account.tenant];
    SimConversation& conversation = ensure_conversation(account, inbound);
    const MessageId id = message_id(account.tenant, account.id, inbound.event_id);
    if (const auto found = tenant.messages.find(id); found != tenant.messages.end()) {
        const SimConversation& theirs = tenant.conversations.at(found->second.first);
        return stored(theirs, theirs.messages[static_cast<std::size_t>(found->second.second - 1)]);
    }
    if (is_our_own(tenant, conversation, inbound))
        return {conversation.id, id, conversation.last_seq, conversation.human};
    SimMessage message;
    message.id = id;
    message.seq = ++conversation.last_seq;
    message.inbound = false;
    message.author = HistoryLine::Author::human;
    message.kind = InboundKind::echo;
    message.text = inbound.text;
    message.event_id = inbound.event_id;
    message.appended = appended;
    message.stored = transaction;
    conversation.messages.push_back(message);
    tenant.messages[id] = {conversation.id, message.seq};
    silence_agent(tenant, conversation, appended);
    return {conversation.id, id, message.seq, true};
}

// Known by the provider's id or, while the answer to our send is still on its way, by an open attempt with
// the same text.
bool SimDatabase::is_our_own(const SimTenant& tenant, const SimConversation& conversation,
                             const Inbound& echo) const {
    using Status = SimDelivery::Status;
    for (const auto& [id, reply] : tenant.replies) {
        if (tenant.conversations.at(reply.conversation).account.id != conversation.account.id) continue;
        const bool open =
            reply.status == SimReply::Status::pending || reply.status == SimReply::Status::unknown;
        for (const auto& delivery : reply.deliveries) {
            const bool on_its_way = delivery.provider_id.empty() &&
                                    (delivery.status == Status::intent || delivery.status == Status::unknown);
            if (delivery.provider_id == echo.event_id ||
                (open && on_its_way && reply.conversation == conversation.id && reply.text == echo.text))
                return true;
        }
    }
    return false;
}

void SimDatabase::rename_contact(const Account& account, const Alias& from, const Alias& to) {
    SimTenant& tenant = tenants[account.tenant];
    const auto found = tenant.aliases.find({from.kind, from.value});
    if (found == tenant.aliases.end()) return;
    const ContactId contact = found->second;
    tenant.aliases.try_emplace({to.kind, to.value}, contact);
    const auto id = conversation_id(account.tenant, contact, account.id);
    const auto conversation = tenant.conversations.find(id);
    if (conversation != tenant.conversations.end() && conversation->second.to == from)
        conversation->second.to = to;
}

void SimDatabase::silence_agent(SimTenant& tenant, SimConversation& conversation, SysTime) {
    conversation.human = true;
    ++conversation.epoch;
    conversation.handled_seq = conversation.last_seq;
    conversation.handoffs.push_back({true, transaction, moment});
    for (const auto& id : conversation.turns) {
        SimTurn& turn = tenant.turns.at(id);
        if (turn.status == SimTurn::Status::open) close_turn(tenant, turn, SimTurn::Status::dropped, "human");
    }
    drop_unsent(tenant, conversation, std::nullopt, "human");
}

void SimDatabase::close_turn(SimTenant& tenant, SimTurn& turn, SimTurn::Status status, std::string reason) {
    turn.status = status;
    turn.reason = std::move(reason);
    turn.closed = transaction;
    tenant.open.erase(turn.id);
}

// Of one turn, or of all of them. One in flight stays as it is.
void SimDatabase::drop_unsent(SimTenant& tenant, const SimConversation& conversation,
                              std::optional<TurnId> turn, const std::string& reason) {
    for (const auto& id : conversation.replies) {
        SimReply& reply = tenant.replies.at(id);
        if (reply.status != SimReply::Status::pending || !reply.turn || reply.in_flight()) continue;
        if (turn && *reply.turn != *turn) continue;
        reply.status = SimReply::Status::dropped;
        reply.reason = reason;
    }
}

bool SimDatabase::take_over(TenantId tenant_id, ConversationId id, SysTime now) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.conversations.find(id);
    if (found == tenant.conversations.end()) return false;
    if (!found->second.human) silence_agent(tenant, found->second, now);
    return true;
}

bool SimDatabase::give_back(TenantId tenant_id, ConversationId id) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.conversations.find(id);
    if (found == tenant.conversations.end()) return false;
    SimConversation& conversation = found->second;
    if (!conversation.human) return true;
    conversation.human = false;
    ++conversation.epoch;
    conversation.handled_seq = conversation.last_seq;
    conversation.handoffs.push_back({false, transaction, moment});
    return true;
}

std::optional<ReplyId> SimDatabase::request_reply(TenantId tenant_id, ConversationId id,
                                                  const std::string& client_id, const std::string& text,
                                                  SysTime now) {
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.conversations.find(id);
    if (found == tenant.conversations.end()) return std::nullopt;
    SimConversation& conversation = found->second;
    const ReplyId reply_id = requested_reply_id(id, client_id);
    if (tenant.replies.contains(reply_id)) return reply_id;
    int place = 999;
    for (const auto& other : conversation.replies) {
        const SimReply& it = tenant.replies.at(other);
        if (it.order.first == conversation.last_seq) place = std::max(place, it.order.second);
    }
    SimReply reply;
    reply.id = reply_id;
    reply.conversation = id;
    reply.by_agent = false;
    reply.text = text;
    reply.epoch = conversation.epoch;
    reply.order = {conversation.last_seq, place + 1};
    reply.created = now;
    reply.made = transaction;
    tenant.replies[reply_id] = std::move(reply);
    conversation.replies.push_back(reply_id);
    return reply_id;
}

}  // namespace relevo
