#include "stages/resolve.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/trace.hpp"
#include "domain/records.hpp"

namespace relevo {
namespace {

// A record carries the endpoint whose secret verified it; it speaks for the accounts that stand or stood
// there only, and for those of that endpoint's own shop.
const Account& check_scope(const std::optional<Account>& account, const MessageReceived& message) {
    const std::string& name = message.inbound.account;
    if (!account) {
        throw Failure(
            {Fault::permanent, "resolve.unknown_account",
             fmt::format("no shop has registered {} account '{}' (webhook address {}); register it with "
                         "relevo shops apply, then redrive",
                         message.channel, name, message.scope.value)});
    }
    if (!speaks_for(message.scope, *account)) {
        throw Failure({Fault::permanent, "resolve.foreign_account",
                       fmt::format("{} account '{}' belongs to webhook address {} and never to {}, which the "
                                   "webhook came through",
                                   message.channel, name, account->endpoint.value, message.scope.value)});
    }
    return *account;
}

// Of somebody who was erased and is new again, the conversation has another id than their name's, on which a
// visitor's page waits for the first of it.
void tell_changed(Live& live, const Account& account, const Alias& name, ConversationId conversation) {
    live.publish(conversation_channel(account.tenant, conversation), live_changed());
    const ContactId contact = contact_id(account.tenant, name.kind, name.value);
    const ConversationId by_name = conversation_id(account.tenant, contact, account.id);
    if (by_name != conversation) live.publish(conversation_channel(account.tenant, by_name), live_changed());
}

}  // namespace

Task<Outcome> Resolve::handle(std::span<const Envelope> records) {
    const Envelope& record = records.front();
    MessageReceived message = decode_message_received(record.value).value();
    Inbound& inbound = message.inbound;
    // A redrive keeps it: what was written before its person was erased stays older than that.
    const SysTime came_in = record.headers.time.value_or(record.appended);
    // What waited at its provider while the account changed shops is still the first one's.
    const SysTime written = std::min(inbound.sent_at.value_or(came_in), came_in);
    auto found = co_await store_.find_account(message.channel, inbound.account, message.scope, written);
    if (!found && inbound.kind == InboundKind::archived && inbound.account.empty()) {
        // An app is told things that concern no number of it: a template, the business account.
        found = co_await store_.find_owner(message.channel, message.scope);
        if (!found) co_return Drop{"names no account of a shared address"};
    }
    const Account account = check_scope(found, message);
    const std::string trace(trace_id(record.headers.traceparent));
    if (!inbound.sent_at) inbound.sent_at = came_in;

    // What a customer wrote is stored all the same: the books have it, and its end.
    const bool from_customer = inbound.kind == InboundKind::message || inbound.kind == InboundKind::reaction;
    if (account.retired && !from_customer) co_return Drop{"account retired"};
    switch (inbound.kind) {
        case InboundKind::message:
        case InboundKind::reaction: {
            const bool opens_turn = inbound.kind == InboundKind::message;
            const auto names = inbound.aliases;
            const StoredMessage stored =
                co_await store_.store_message(account, std::move(inbound), record.appended, trace);
            if (stored.erased) co_return Drop{"erased"};
            tell_changed(live_, account, names.front(), stored.conversation);
            if (stored.human) live_.publish(desk_channel, desk_written(account.tenant, stored.conversation));
            if (!opens_turn) co_return Drop{"reaction"};
            if (stored.retired) co_return Drop{"account retired"};
            if (stored.human) co_return Drop{"human has the conversation"};
            std::vector<Record> out;
            out.push_back(to_record(MessageResolved{account.tenant, stored.conversation, stored.message,
                                                    stored.seq, account.window}));
            co_return Emit{std::move(out)};
        }
        case InboundKind::echo: {
            const StoredMessage stored =
                co_await store_.store_echo(account, std::move(inbound), record.appended, trace);
            if (stored.erased) co_return Drop{"erased"};
            tell_desk_changed(live_, account.tenant, stored.conversation);
            co_return Drop{"owner's echo"};
        }
        case InboundKind::renamed: {
            if (inbound.aliases.size() != 2) {
                throw Failure({Fault::permanent, "record.malformed", "a renamed contact needs two aliases"});
            }
            co_await store_.rename_contact(account, inbound.aliases[0], inbound.aliases[1]);
            co_return Drop{"contact renamed"};
        }
        case InboundKind::archived:
            co_await store_.archive(account, std::move(inbound), came_in);
            co_return Drop{"archived"};
    }
    co_return Drop{"archived"};
}

}  // namespace relevo
