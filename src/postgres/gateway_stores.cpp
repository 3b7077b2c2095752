#include "core/json_object.hpp"
#include "postgres/json.hpp"
#include "postgres/stores.hpp"
#include "postgres/vault.hpp"

namespace relevo {
namespace {

class PostgresEndpointStore final : public EndpointStore {
  public:
    explicit PostgresEndpointStore(Database& database) : database_(database) {}

    Task<std::optional<Endpoint>> find(std::string channel, std::string key) override {
        std::string request = JsonObject().text("channel", channel).text("key", key).str();
        const std::string result = co_await database_.call("find_endpoint", TenantId{}, std::move(request));
        const Json found = Json::parse(result);
        if (found.null()) co_return std::nullopt;
        co_return Endpoint{
            {found.number("id")}, {found.number("tenant_id")}, found.text("channel"), found.text("account")};
    }

    Task<std::int64_t> secret_changes() override { return vault_changes(database_); }

    Task<std::vector<std::pair<std::string, std::string>>> keys() override {
        const std::string result =
            co_await database_.call("list_endpoints", TenantId{}, JsonObject().number("limit", 10'000).str());
        std::vector<std::pair<std::string, std::string>> keys;
        for (const auto& row : Json::parse(result).items())
            keys.emplace_back(row.text("channel"), row.text("key"));
        co_return keys;
    }

  private:
    Database& database_;
};

WebMessage parse_message(const Json& json) {
    WebMessage message;
    message.id = json.text("id");
    message.seq = json.number("seq");
    message.inbound = json.flag("inbound");
    message.text = json.text("text");
    message.at = json.time("at");
    message.client_id = json.text("client_id");
    message.turn = json.text("turn");
    message.index = static_cast<int>(json.number("index"));
    return message;
}

class PostgresWebStore final : public WebStore {
  public:
    explicit PostgresWebStore(Database& database) : database_(database) {}

    Task<WebConversation> read(Endpoint endpoint, std::string visitor, std::int64_t after_seq) override {
        std::string request = JsonObject()
                                  .number("endpoint", endpoint.id.value)
                                  .text("visitor", visitor)
                                  .number("after", after_seq)
                                  .str();
        const std::string result = co_await database_.call("read_web", endpoint.tenant, std::move(request));
        const Json json = Json::parse(result);
        WebConversation conversation;
        conversation.tenant = endpoint.tenant;
        if (json.null()) co_return conversation;
        conversation.conversation = json.id<ConversationId>("conversation");
        conversation.human = json.flag("human");
        conversation.epoch = json.number("epoch");
        for (const auto& message : json["messages"].items())
            conversation.messages.push_back(parse_message(message));
        co_return conversation;
    }

  private:
    Database& database_;
};

class PostgresHandoffStore final : public HandoffStore {
  public:
    explicit PostgresHandoffStore(Database& database) : database_(database) {}

    Task<bool> take_over(TenantId tenant, ConversationId conversation, SysTime now) override {
        return move("take_over", tenant, conversation, now);
    }

    Task<bool> give_back(TenantId tenant, ConversationId conversation, SysTime now) override {
        return move("give_back", tenant, conversation, now);
    }

    Task<std::optional<ReplyId>> request_reply(TenantId tenant, ConversationId conversation,
                                               std::string client_id, std::string text,
                                               SysTime now) override {
        std::string request = JsonObject()
                                  .id("conversation", conversation)
                                  .id("requested", requested_reply_id(conversation, client_id))
                                  .text("text", text)
                                  .time("now", now)
                                  .str();
        const std::string result = co_await database_.call("request_reply", tenant, std::move(request));
        co_return ReplyId::parse(Json::parse(result).text());
    }

  private:
    Task<bool> move(std::string op, TenantId tenant, ConversationId conversation, SysTime now) {
        std::string request = JsonObject().id("conversation", conversation).time("now", now).str();
        const std::string result = co_await database_.call(std::move(op), tenant, std::move(request));
        co_return Json::parse(result).flag();
    }

    Database& database_;
};

}  // namespace

std::unique_ptr<EndpointStore> make_endpoint_store(Database& database) {
    return std::make_unique<PostgresEndpointStore>(database);
}

std::unique_ptr<WebStore> make_web_store(Database& database) {
    return std::make_unique<PostgresWebStore>(database);
}

std::unique_ptr<HandoffStore> make_handoff_store(Database& database) {
    return std::make_unique<PostgresHandoffStore>(database);
}

}  // namespace relevo
