#include "channels/telegram_message.hpp"

#include <array>
#include <string_view>

#include "channels/part.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

// A venue has a location and an animation a document as well: the more telling one stands first.
constexpr std::array<std::string_view, 16> known_types{
    "text",  "animation",  "audio", "document", "photo", "sticker", "story", "paid_media",
    "video", "video_note", "voice", "contact",  "dice",  "poll",    "venue", "location"};

std::string place(JsonNode place) {
    const JsonNode location = place["location"].has_value() ? place["location"] : place;
    return in_brackets("location", {place["title"].text(), place["address"].text(),
                                    location["latitude"].text(), location["longitude"].text()});
}

std::string card(JsonNode contact) {
    std::string name = contact["first_name"].text();
    const std::string last = contact["last_name"].text();
    if (!last.empty()) name += (name.empty() ? "" : " ") + last;
    const std::string phone = contact["phone_number"].text();
    if (!phone.empty()) name += name.empty() ? phone : " (" + phone + ")";
    return in_brackets("contacts", {name});
}

}  // namespace

std::string telegram_type(JsonNode message) {
    for (const auto type : known_types) {
        if (message[type].has_value()) return std::string(type);
    }
    return {};
}

std::string telegram_text(JsonNode message, const std::string& type) {
    const JsonNode part = message[type];
    if (type == "text") return part.text();
    const std::string caption = message["caption"].text();
    if (!caption.empty()) return caption;
    if (type == "location" || type == "venue") return place(part);
    if (type == "contact") return card(part);
    if (type == "sticker" || type == "dice")
        return in_brackets(type, {part["emoji"].text(), part["value"].text()});
    if (type == "poll") return in_brackets(type, {part["question"].text()});
    if (type == "video_note") return "[video]";
    if (type == "paid_media") return "[paid media]";
    return in_brackets(type, {part["file_name"].text()});
}

std::string telegram_metadata(JsonNode message, const std::string& type) {
    JsonObject metadata;
    metadata.raw("message_id", message["message_id"].dump_if_any());
    if (type != "text") metadata.raw(type, message[type].dump_if_any());
    for (const auto* key : {"media_group_id", "forward_origin", "quote", "entities"})
        metadata.raw(key, message[key].dump_if_any());
    const JsonNode quoted = message["reply_to_message"];
    metadata.raw("reply_to_message", JsonObject()
                                         .raw("message_id", quoted["message_id"].dump_if_any())
                                         .text_if_any("text", quoted["text"].text())
                                         .str_if_any());
    metadata.text_if_any("language_code", message["from"]["language_code"].text());
    metadata.text_if_any("username", message["chat"]["username"].text());
    return metadata.str_if_any();
}

}  // namespace relevo
