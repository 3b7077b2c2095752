#include "channels/telegram_parse.hpp"

#include <string>

#include "channels/json.hpp"
#include "channels/part.hpp"
#include "channels/telegram_message.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

/// Nothing where the part has no private chat: groups, channels, and what has another shape.
std::string private_chat(JsonNode chat) {
    return chat["type"].text() == "private" ? identifier(chat["id"]) : std::string();
}

std::string person(JsonNode from) {
    std::string name = from["first_name"].text();
    const std::string last = from["last_name"].text();
    if (!last.empty()) name += (name.empty() ? "" : " ") + last;
    return name.empty() ? from["username"].text() : name;
}

// As send() names what it sent: a message_id means something only together with its chat.
std::string message_name(const std::string& chat, JsonNode message_id) {
    const std::string id = identifier(message_id);
    return id.empty() ? std::string() : chat + ":" + id;
}

std::optional<Inbound> read_message(JsonNode message) {
    const std::string chat = private_chat(message["chat"]);
    const std::string type = telegram_type(message);
    if (chat.empty() || type.empty()) return std::nullopt;
    Inbound inbound;
    inbound.kind = InboundKind::message;
    inbound.aliases = {{"telegram_chat", chat}};
    inbound.name = person(message["chat"]);
    inbound.type = type;
    inbound.text = telegram_text(message, type);
    inbound.in_reply_to = message_name(chat, message["reply_to_message"]["message_id"]);
    inbound.sent_at = unix_seconds(message["date"]);
    inbound.metadata = telegram_metadata(message, type);
    if (inbound.text.empty()) return std::nullopt;
    return inbound;
}

// Through the owner's own account: the customer's words, or the owner's. A private chat has the customer's
// id.
std::optional<Inbound> read_business_message(JsonNode message) {
    const std::string connection = identifier(message["business_connection_id"]);
    const std::string from = identifier(message["from"]["id"]);
    // A bot that writes in the owner's name is us, or another program: no human took over.
    if (message["sender_business_bot"].has_value() || connection.empty() || from.empty()) return std::nullopt;
    auto inbound = read_message(message);
    if (!inbound) return std::nullopt;
    const std::string chat = inbound->aliases.front().value;
    if (from != chat) inbound->kind = InboundKind::echo;
    inbound->aliases.insert(inbound->aliases.begin(), {"telegram_business", connection + ":" + chat});
    return inbound;
}

// A pressed button. Its message may be too old to be accessible: then only chat and id are there, and date is
// 0.
std::optional<Inbound> read_callback(JsonNode callback) {
    const JsonNode message = callback["message"];
    const std::string chat = private_chat(message["chat"]);
    const std::string data = callback["data"].text();
    if (chat.empty() || data.empty()) return std::nullopt;
    Inbound inbound;
    inbound.kind = InboundKind::message;
    inbound.aliases = {{"telegram_chat", chat}};
    inbound.name = person(callback["from"]);
    inbound.type = "callback_query";
    inbound.text = data;
    inbound.in_reply_to = message_name(chat, message["message_id"]);
    inbound.metadata = JsonObject()
                           .raw("callback_query_id", callback["id"].dump_if_any())
                           .raw("message_id", message["message_id"].dump_if_any())
                           .str_if_any();
    return inbound;
}

std::optional<Inbound> read_reaction(JsonNode reaction) {
    const std::string chat = private_chat(reaction["chat"]);
    if (chat.empty() || !reaction["new_reaction"].is_array()) return std::nullopt;
    Inbound inbound;
    inbound.kind = InboundKind::reaction;
    inbound.aliases = {{"telegram_chat", chat}};
    inbound.name = person(reaction["chat"]);
    inbound.type = "message_reaction";
    for (const auto& emoji : reaction["new_reaction"].items()) inbound.text += emoji["emoji"].text();
    if (inbound.text.empty()) {
        inbound.text = reaction["new_reaction"].items().empty() ? "[reaction removed]" : "[reaction]";
    }
    inbound.in_reply_to = message_name(chat, reaction["message_id"]);
    inbound.sent_at = unix_seconds(reaction["date"]);
    inbound.metadata = JsonObject().raw("new_reaction", reaction["new_reaction"].dump()).str();
    return inbound;
}

std::optional<Inbound> read_update(JsonNode update) {
    if (update["message"].is_object()) return read_message(update["message"]);
    if (update["business_message"].is_object()) return read_business_message(update["business_message"]);
    if (update["callback_query"].is_object()) return read_callback(update["callback_query"]);
    if (update["message_reaction"].is_object()) return read_reaction(update["message_reaction"]);
    // An edit changes what may have been answered already; a block (my_chat_member) shows in the next send.
    // Both are kept with the rest: no turn of its own.
    return std::nullopt;
}

// The update's one member beside its id says what it is.
std::string update_type(JsonNode update) {
    for (const auto* type :
         {"message", "edited_message", "channel_post", "edited_channel_post", "business_connection",
          "business_message", "edited_business_message", "deleted_business_messages", "message_reaction",
          "message_reaction_count", "callback_query", "my_chat_member", "chat_member", "inline_query"}) {
        if (update[type].has_value()) return type;
    }
    return "update";
}

// A webhook's answer may call one method of the Bot API: a pressed button stops spinning as soon as the log
// has it, without a call of ours. https://core.telegram.org/bots/api#making-requests-when-getting-updates
std::string answer_to(JsonNode update) {
    const JsonNode id = update["callback_query"]["id"];
    if (identifier(id).empty()) return "{}";
    return JsonObject().text("method", "answerCallbackQuery").text("callback_query_id", identifier(id)).str();
}

}  // namespace

Result<Parsed> parse_telegram(std::string_view body) {
    const auto document = JsonDocument::parse(body);
    if (!document) return document.error();
    const JsonNode update = document->root();
    std::string id = event_id(update["update_id"], update);
    Parsed parsed;
    parsed.answer = answer_to(update);
    if (auto inbound = read_update(update)) {
        inbound->event_id = std::move(id);
        parsed.inbound.push_back(std::move(*inbound));
    } else {
        parsed.inbound.push_back(archived({}, std::move(id), update_type(update), update));
    }
    return parsed;
}

}  // namespace relevo
