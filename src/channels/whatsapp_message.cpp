#include "channels/whatsapp_message.hpp"

#include <string_view>

#include "channels/part.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

std::optional<std::string> unless_empty(std::string text) {
    return text.empty() ? std::nullopt : std::optional(std::move(text));
}

std::string contact_card(JsonNode contact) {
    std::string card = contact["name"]["formatted_name"].text();
    const std::string phone = contact["phones"].item(0)["phone"].text();
    if (phone.empty()) return card;
    return card.empty() ? phone : card + " (" + phone + ")";
}

std::string contacts_text(JsonNode contacts) {
    std::string cards;
    for (const auto& contact : contacts.items()) {
        const std::string card = contact_card(contact);
        if (!card.empty() && !cards.empty()) cards += "; ";
        cards += card;
    }
    return in_brackets("contacts", {cards});
}

std::string order_text(JsonNode order) {
    std::string lines;
    for (const auto& item : order["product_items"].items()) {
        const std::string quantity = item["quantity"].text();
        const std::string price = item["item_price"].text();
        const std::string currency = item["currency"].text();
        if (!lines.empty()) lines += "; ";
        lines += (quantity.empty() ? "1" : quantity) + " x " + item["product_retailer_id"].text();
        if (!price.empty()) lines += " at " + price + (currency.empty() ? "" : " " + currency);
    }
    const std::string said = order["text"].text();
    return in_brackets("order", {lines}) + (said.empty() ? "" : " " + said);
}

std::optional<std::string> interactive_text(JsonNode interactive) {
    for (const auto* reply : {"button_reply", "list_reply"}) {
        if (interactive[reply].is_object()) return unless_empty(interactive[reply]["title"].text());
    }
    // The form's answers are JSON within a string, which may be broken: it is shown and not read.
    const JsonNode form = interactive["nfm_reply"];
    if (form.is_object()) return in_brackets("form", {form["name"].text(), form["response_json"].text()});
    return std::nullopt;
}

}  // namespace

std::optional<std::string> whatsapp_text(JsonNode message) {
    const std::string type = message["type"].text();
    const JsonNode part = message[type];
    if (type == "text") return unless_empty(part["body"].text());
    if (type == "image" || type == "audio" || type == "voice" || type == "video" || type == "sticker" ||
        type == "document") {
        const std::string caption = part["caption"].text();
        return caption.empty() ? in_brackets(type, {part["filename"].text()}) : caption;
    }
    if (type == "button") return unless_empty(part["text"].text());
    if (type == "interactive") return interactive_text(part);
    if (type == "location") {
        return in_brackets("location", {part["name"].text(), part["address"].text(), part["latitude"].text(),
                                        part["longitude"].text()});
    }
    if (type == "contacts") return contacts_text(part);
    if (type == "order") return order_text(part);
    if (type == "reaction") {
        const std::string emoji = part["emoji"].text();
        return emoji.empty() ? "[reaction removed]" : emoji;
    }
    // Someone opened the chat for the first time, or came from an ad (131060): a lead to greet, although we
    // cannot see what they wrote.
    if (type == "request_welcome") return "[opened the chat]";
    if (type == "unsupported") {
        return unless_empty(message["text"]["body"].text()).value_or("[unsupported message]");
    }
    return std::nullopt;
}

std::string whatsapp_metadata(JsonNode message) {
    JsonObject metadata;
    const std::string type = message["type"].text();
    if (type != "text") metadata.raw(type, message[type].dump_if_any());
    for (const auto* key : {"context", "referral", "errors"}) {
        if (type != key) metadata.raw(key, message[key].dump_if_any());
    }
    return metadata.str_if_any();
}

}  // namespace relevo
