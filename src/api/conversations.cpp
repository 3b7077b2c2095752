#include <charconv>

#include "api/list.hpp"
#include "domain/money_json.hpp"

namespace relevo {
namespace {

std::string json_of(const ConversationRow& row) {
    JsonObject account;
    account.id("id", row.account).text("external_id", row.account_external_id).text("name", row.account_name);
    JsonObject contact;
    contact.id("id", row.contact).text("name", row.contact_name);
    contact.text("address_kind", row.address_kind).text("address", row.address);
    JsonObject agent;
    agent.number("id", row.agent).text("name", row.agent_name);
    JsonObject object;
    object.id("id", row.id).text("channel", row.channel).text("standing", row.standing);
    object.raw("account", account.str()).raw("contact", contact.str()).raw("agent", agent.str());
    object.text_if_any("external_chatwoot_id", row.external_chatwoot_id);
    object.text_if_any("external_account_id", row.external_account_id);
    if (!row.log_name.empty()) object.text("log_subject", "conversation:" + row.log_name);
    add_time(object, "created_at", row.created_at);
    add_time(object, "active_at", row.active_at);
    if (row.cost) object.raw("cost", cost_json(*row.cost));
    return object.str();
}

std::string json_of(const DeliveryRow& row) {
    JsonObject object;
    object.number("attempt", row.attempt).text("status", row.status);
    object.text_if_any("provider_id", row.provider_id).text_if_any("receipt", row.receipt);
    add_time(object, "receipt_at", row.receipt_at);
    object.text_if_any("code", row.code);
    add_time(object, "at", row.at);
    return object.str();
}

std::string json_of(const MessageRow& row) {
    JsonObject object;
    object.text("id", row.id);
    if (row.seq) object.number("seq", *row.seq);
    object.text("direction", row.direction).text("author", row.author);
    object.text("kind", row.kind).text("type", row.type).text("text", row.text);
    add_time(object, "at", row.at);
    object.text("standing", row.standing).text_if_any("reason", row.reason);
    add_time(object, "until", row.until);
    object.text_if_any("turn", row.turn).text_if_any("superseded_by", row.superseded_by);
    object.text_if_any("reply", row.reply).text_if_any("in_reply_to", row.in_reply_to);
    object.text_if_any("trace", row.trace);
    if (row.delivery) object.raw("delivery", json_of(*row.delivery));
    return object.str();
}

// Two numbers, or a number and an id, as one text.
std::string place_of(const ConversationRow& row) {
    return std::to_string(row.active_minute) + ":" + row.id.to_string();
}

std::string place_of(const MessageRow& row) {
    return std::to_string(row.place.seq) + ":" + std::to_string(row.place.index);
}

template <class Number>
bool read_number(std::string_view text, Number& into) {
    const auto read = std::from_chars(text.data(), text.data() + text.size(), into);
    return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

std::optional<ConversationPlace> parse_conversation_place(std::string_view key) {
    const auto colon = key.find(':');
    ConversationPlace place;
    if (colon == key.npos || !read_number(key.substr(0, colon), place.active_minute)) return std::nullopt;
    const auto id = ConversationId::parse(key.substr(colon + 1));
    if (!id) return std::nullopt;
    place.id = *id;
    return place;
}

std::optional<MessagePlace> parse_message_place(std::string_view key) {
    const auto colon = key.find(':');
    MessagePlace place;
    if (colon == key.npos || !read_number(key.substr(0, colon), place.seq) ||
        !read_number(key.substr(colon + 1), place.index)) {
        return std::nullopt;
    }
    return place;
}

Task<ApiResult> list(ApiCall& call) {
    ConversationQuery query;
    query.channel = call.parameter("channel");
    query.standing = call.parameter("standing");
    query.contact = ContactId::parse(call.parameter("contact"));
    if (call.after && !(query.after = parse_conversation_place(*call.after))) co_return bad_cursor();
    query.limit = call.limit() + 1;
    auto asked = call.stores.conversations().list(call.tenant(), std::move(query));
    const auto rows = co_await std::move(asked);
    co_return page(
        call, rows, [](const ConversationRow& row) { return json_of(row); },
        [](const ConversationRow& row) { return place_of(row); });
}

Task<ApiResult> read(ApiCall& call) {
    const auto id = call.id<ConversationId>("conversation");
    auto asked = call.stores.conversations().find(call.tenant(), id);
    const auto row = co_await std::move(asked);
    if (!row) co_return not_found("Conversation", id.to_string());
    co_return Answer{.body = json_of(*row)};
}

Task<ApiResult> hand_over(ApiCall& call, Live* live) {
    const auto id = call.id<ConversationId>("conversation");
    const bool to_human = call.body.text("standing") == "human";
    auto asked = call.stores.conversations().hand_over(call.tenant(), id, to_human, call.now, call.actor());
    const bool found = co_await std::move(asked);
    if (!found) co_return not_found("Conversation", id.to_string());
    if (live) tell_desk_changed(*live, call.tenant(), id);
    auto read_back = read(call);
    co_return co_await std::move(read_back);
}

Task<ApiResult> list_messages(ApiCall& call) {
    const auto id = call.id<ConversationId>("conversation");
    std::optional<MessagePlace> after;
    if (call.after && !(after = parse_message_place(*call.after))) co_return bad_cursor();
    auto asked = call.stores.conversations().messages(call.tenant(), id, after, call.limit() + 1, call.now);
    const auto rows = co_await std::move(asked);
    if (!rows) co_return not_found("Conversation", id.to_string());
    co_return page(
        call, *rows, [](const MessageRow& row) { return json_of(row); },
        [](const MessageRow& row) { return place_of(row); });
}

}  // namespace

void add_conversation_handlers(ApiHandlers& handlers, Live* live) {
    handlers["list_conversations"] = list;
    handlers["read_conversation"] = read;
    handlers["put_conversation_standing"] = [live](ApiCall& call) { return hand_over(call, live); };
    handlers["list_messages"] = list_messages;
}

}  // namespace relevo
