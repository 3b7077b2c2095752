#include "core/json_object.hpp"
#include "postgres/actor_json.hpp"
#include "postgres/ask.hpp"
#include "postgres/request_stores.hpp"

namespace relevo {
namespace {

Cost parse_cost(const Json& rows) {
    Cost cost;
    for (const auto& row : rows.items()) {
        const std::string currency = row.text("currency");
        if (!currency.empty()) cost.micros[currency] += row.number("cost");
        cost.unpriced += row.number("unpriced");
    }
    return cost;
}

ConversationRow parse_conversation(const Json& json) {
    ConversationRow row;
    row.id = json.id<ConversationId>("id");
    row.channel = json.text("channel");
    row.standing = json.text("standing");
    row.account = json.id<AccountId>("account");
    row.account_external_id = json.text("account_external_id");
    row.account_name = json.text("account_name");
    row.contact = json.id<ContactId>("contact");
    row.contact_name = json.text("contact_name");
    row.address_kind = json.text("address_kind");
    row.address = json.text("address");
    row.agent = json.number("agent");
    row.agent_name = json.text("agent_name");
    row.external_chatwoot_id = json.text("external_chatwoot_id");
    row.external_account_id = json.text("external_account_id");
    row.log_name = json.text("log_name");
    row.created_at = json.time("created_at");
    row.active_at = json.time("updated_at");
    row.active_minute = json.number("minute");
    if (!json["cost"].null()) row.cost = parse_cost(json["cost"]);
    return row;
}

DeliveryRow parse_delivery(const Json& json) {
    DeliveryRow row;
    row.attempt = static_cast<int>(json.number("attempt"));
    row.status = json.text("status");
    row.provider_id = json.text("provider_id");
    row.receipt = json.text("receipt");
    row.receipt_at = json.time_if_any("receipt_at");
    row.code = json.text("code");
    row.at = json.time("at");
    return row;
}

MessageRow parse_message(const Json& json) {
    MessageRow row;
    row.id = json.text("id");
    if (!json["seq"].null()) row.seq = json.number("seq");
    row.direction = json.text("direction");
    row.author = json.text("author");
    row.kind = json.text("kind");
    row.type = json.text("type");
    row.text = json.text("text");
    row.at = json.time("at");
    row.in_reply_to = json.text("in_reply_to");
    row.trace = json.text("trace");
    row.turn = json.text("turn");
    row.reply = json.text("reply");
    row.standing = json.text("standing");
    row.reason = json.text("reason");
    row.superseded_by = json.text("superseded_by");
    row.until = json.time_if_any("until");
    if (!json["delivery"].null()) row.delivery = parse_delivery(json["delivery"]);
    row.place = {json.number("place_seq"), static_cast<int>(json.number("place_index"))};
    return row;
}

class PostgresConversationStore final : public ConversationStore {
  public:
    explicit PostgresConversationStore(Database& database) : database_(database) {}

    Task<std::vector<ConversationRow>> list(TenantId tenant, ConversationQuery query) override {
        JsonObject request;
        request.number("limit", query.limit);
        request.text_if_any("channel", query.channel).text_if_any("standing", query.standing);
        if (query.contact) request.id("contact", *query.contact);
        if (query.after)
            request.number("before_minute", query.after->active_minute).id("before", query.after->id);
        const Json found = co_await ask(database_, "list_conversations", tenant, request.str());
        std::vector<ConversationRow> rows;
        for (const auto& row : found.items()) rows.push_back(parse_conversation(row));
        co_return rows;
    }

    Task<std::optional<ConversationRow>> find(TenantId tenant, ConversationId conversation) override {
        std::string request = JsonObject().id("conversation", conversation).str();
        const Json found = co_await ask(database_, "get_conversation", tenant, std::move(request));
        if (found.null()) co_return std::nullopt;
        co_return parse_conversation(found);
    }

    Task<std::optional<std::vector<MessageRow>>> messages(TenantId tenant, ConversationId conversation,
                                                          std::optional<MessagePlace> after, int limit,
                                                          SysTime now) override {
        JsonObject request;
        request.id("conversation", conversation).number("limit", limit).time("now", now);
        if (after) request.number("before_seq", after->seq).number("before_index", after->index);
        const Json found = co_await ask(database_, "list_messages", tenant, request.str());
        if (found.null()) co_return std::nullopt;
        std::vector<MessageRow> rows;
        for (const auto& row : found.items()) rows.push_back(parse_message(row));
        co_return rows;
    }

    Task<bool> hand_over(TenantId tenant, ConversationId conversation, bool to_human, SysTime now,
                         Actor actor) override {
        std::string request = JsonObject()
                                  .raw("actor", actor_json(actor))
                                  .id("conversation", conversation)
                                  .text("standing", to_human ? "human" : "agent")
                                  .time("now", now)
                                  .str();
        const Json done = co_await ask(database_, "hand_over", tenant, std::move(request));
        co_return done.flag();
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<ConversationStore> make_conversation_store(Database& database) {
    return std::make_unique<PostgresConversationStore>(database);
}

}  // namespace relevo
