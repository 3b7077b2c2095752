#include "core/json_object.hpp"
#include "postgres/accounts.hpp"
#include "postgres/erasure_keys.hpp"
#include "postgres/json.hpp"
#include "postgres/stores.hpp"

namespace relevo {
namespace {

// Ids are computed here, from what the message says. Where the contact is known by another alias already, the
// database goes on from that contact instead; `conversation` is then only what the batch is ordered by.
JsonObject message_request(const Account& account, const Inbound& inbound, SysTime appended,
                           std::string_view trace) {
    if (inbound.aliases.empty()) {
        throw Failure({Fault::permanent, "resolve.no_alias", "the message names no sender"});
    }
    const ContactId contact = contact_id(account.tenant, inbound.aliases[0].kind, inbound.aliases[0].value);
    std::vector<std::string> aliases;
    for (const auto& alias : inbound.aliases) aliases.push_back(alias_json(alias));
    JsonObject request;
    request.id("account", account.id)
        .text("channel", account.channel)
        .id("contact", contact)
        .id("conversation", conversation_id(account.tenant, contact, account.id))
        .id("message", message_id(account.tenant, account.id, inbound.event_id))
        .text("event_id", inbound.event_id)
        .raw("aliases", json_array(aliases))
        .text("name", inbound.name)
        .text("kind", inbound.kind == InboundKind::reaction ? "reaction" : "message")
        .text("type", inbound.type)
        .text("text", inbound.text)
        .text("in_reply_to", inbound.in_reply_to)
        .time("at", inbound.sent_at.value_or(appended))
        .time("appended", appended)
        .text("trace", trace)
        .flag("retired", account.retired);
    if (is_json_object(inbound.metadata)) request.raw("metadata", inbound.metadata);
    return request;
}

// By which the database knows whether it was written before its person was erased.
std::string marks_json(const Secret& key, const Account& account, const Inbound& inbound) {
    std::vector<std::string> names;
    for (const auto& alias : inbound.aliases) names.push_back(json_text(name_mark(key, alias.value)));
    return JsonObject()
        .text("event", event_mark(key, account.id, inbound.event_id))
        .raw("aliases", json_array(names))
        .str();
}

StoredMessage parse_stored(const Json& stored) {
    if (stored.flag("erased")) return {{}, {}, 0, false, false, true};
    return {stored.id<ConversationId>("conversation"), stored.id<MessageId>("message"), stored.number("seq"),
            stored.flag("human"), stored.flag("retired")};
}

class PostgresResolveStore final : public ResolveStore {
  public:
    PostgresResolveStore(Database& database, Vault& vault) : database_(database), keys_(vault) {}

    Task<std::optional<Account>> find_account(std::string channel, std::string external_id, EndpointId scope,
                                              SysTime written) override {
        return relevo::find_account(database_, std::move(channel), std::move(external_id), scope, written);
    }

    Task<std::optional<Account>> find_owner(std::string channel, EndpointId scope) override {
        return relevo::find_owner(database_, std::move(channel), scope);
    }

    Task<StoredMessage> store_message(Account account, Inbound inbound, SysTime appended,
                                      std::string trace) override {
        const JsonObject request = message_request(account, inbound, appended, trace);
        co_return parse_stored(co_await ask("store_message", account, inbound, request));
    }

    Task<StoredMessage> store_echo(Account account, Inbound inbound, SysTime appended,
                                   std::string trace) override {
        const JsonObject request = message_request(account, inbound, appended, trace);
        co_return parse_stored(co_await ask("store_echo", account, inbound, request));
    }

    Task<void> rename_contact(Account account, Alias from, Alias to) override {
        std::string request = JsonObject()
                                  .id("account", account.id)
                                  .raw("from", alias_json(from))
                                  .raw("to", alias_json(to))
                                  .str();
        co_await database_.call("rename_contact", account.tenant, std::move(request));
    }

    Task<void> archive(Account account, Inbound inbound, SysTime appended) override {
        JsonObject request;
        request.id("account", account.id)
            .text("event_id", inbound.event_id)
            .text("type", inbound.type)
            .text("raw", inbound.raw)
            .time("appended", appended);
        co_await ask("archive", account, inbound, request);
    }

  private:
    // Marked where the tenant has erased somebody: the first such request of a process is told so.
    Task<Json> ask(std::string op, const Account& account, const Inbound& inbound,
                   const JsonObject& request) {
        std::optional<Secret> key = keys_.known(account.tenant);
        for (;;) {
            JsonObject marked = request;
            marked.raw("marks", key ? marks_json(*key, account, inbound) : "null");
            Json result = Json::parse(co_await database_.call(op, account.tenant, marked.str()));
            if (result.text("marks") != "wanted") co_return result;
            key = co_await keys_.learn(account.tenant);
        }
    }

    Database& database_;
    ErasureKeys keys_;
};

}  // namespace

std::unique_ptr<ResolveStore> make_resolve_store(Database& database, Vault& vault) {
    return std::make_unique<PostgresResolveStore>(database, vault);
}

}  // namespace relevo
