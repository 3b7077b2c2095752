#include "core/json_object.hpp"
#include "postgres/accounts.hpp"
#include "postgres/json.hpp"
#include "postgres/stores.hpp"

namespace relevo {
namespace {

// Ids are computed here, from what the message says. Where the contact is known by another alias already, the
// database goes on from that contact instead; `conversation` is then only what the batch is ordered by.
std::string message_request(const Account& account, const Inbound& inbound, SysTime appended,
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
    return request.str();
}

StoredMessage parse_stored(const std::string& result) {
    const Json stored = Json::parse(result);
    return {stored.id<ConversationId>("conversation"), stored.id<MessageId>("message"), stored.number("seq"),
            stored.flag("human"), stored.flag("retired")};
}

class PostgresResolveStore final : public ResolveStore {
  public:
    explicit PostgresResolveStore(Database& database) : database_(database) {}

    Task<std::optional<Account>> find_account(std::string channel, std::string external_id,
                                              EndpointId scope) override {
        return relevo::find_account(database_, std::move(channel), std::move(external_id), scope);
    }

    Task<std::optional<Account>> find_owner(std::string channel, EndpointId scope) override {
        return relevo::find_owner(database_, std::move(channel), scope);
    }

    Task<StoredMessage> store_message(Account account, Inbound inbound, SysTime appended,
                                      std::string trace) override {
        std::string request = message_request(account, inbound, appended, trace);
        const std::string result =
            co_await database_.call("store_message", account.tenant, std::move(request));
        co_return parse_stored(result);
    }

    Task<StoredMessage> store_echo(Account account, Inbound inbound, SysTime appended,
                                   std::string trace) override {
        std::string request = message_request(account, inbound, appended, trace);
        const std::string result = co_await database_.call("store_echo", account.tenant, std::move(request));
        co_return parse_stored(result);
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
        std::string request = JsonObject()
                                  .id("account", account.id)
                                  .text("event_id", inbound.event_id)
                                  .text("type", inbound.type)
                                  .text("raw", inbound.raw)
                                  .time("appended", appended)
                                  .str();
        co_await database_.call("archive", account.tenant, std::move(request));
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<ResolveStore> make_resolve_store(Database& database) {
    return std::make_unique<PostgresResolveStore>(database);
}

}  // namespace relevo
