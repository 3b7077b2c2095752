#include "tests/simulation/sim_webhooks.hpp"

#include <sodium.h>

#include <array>

#include "core/json_object.hpp"

namespace relevo {
namespace {

constexpr std::string_view moment = "1700000000";

std::string change(std::string_view field, const std::string& account, std::string_view list,
                   const std::string& part) {
    const std::string metadata =
        JsonObject().text("display_phone_number", "+1 555 0100").text("phone_number_id", account).str();
    const std::string value = JsonObject()
                                  .text("messaging_product", "whatsapp")
                                  .raw("metadata", metadata)
                                  .raw(list, json_array({part}))
                                  .str();
    return JsonObject().text("field", field).raw("value", value).str();
}

JsonObject message(const std::string& who, const std::string& event_id, std::string_view type) {
    return JsonObject().text("from", who).text("id", event_id).text("timestamp", moment).text("type", type);
}

std::string status_name(ReceiptStatus status) {
    switch (status) {
        case ReceiptStatus::sent:
            return "sent";
        case ReceiptStatus::delivered:
            return "delivered";
        case ReceiptStatus::read:
            return "read";
        case ReceiptStatus::failed:
            break;
    }
    return "failed";
}

std::string chat(const std::string& who) {
    return JsonObject().raw("id", who).text("type", "private").text("first_name", "Ana").str();
}

std::string update(const std::string& event_id, std::string_view what, const std::string& part) {
    return JsonObject().raw("update_id", event_id).raw(what, part).str();
}

}  // namespace

std::string whatsapp_message(const Account& account, const std::string& who, const std::string& event_id,
                             const std::string& text) {
    return change("messages", account.external_id, "messages",
                  message(who, event_id, "text").raw("text", JsonObject().text("body", text).str()).str());
}

std::string whatsapp_reaction(const Account& account, const std::string& who, const std::string& event_id) {
    return change("messages", account.external_id, "messages",
                  message(who, event_id, "reaction")
                      .raw("reaction", JsonObject().text("message_id", "wamid.0").text("emoji", "♥").str())
                      .str());
}

std::string whatsapp_echo(const Account& account, const std::string& who, const std::string& event_id,
                          const std::string& text) {
    return change("smb_message_echoes", account.external_id, "message_echoes",
                  JsonObject()
                      .text("to", who)
                      .text("id", event_id)
                      .text("timestamp", moment)
                      .text("type", "text")
                      .raw("text", JsonObject().text("body", text).str())
                      .str());
}

std::string whatsapp_status(const std::string& account, const std::string& to, const std::string& provider_id,
                            const std::string& reply, ReceiptStatus status) {
    JsonObject part;
    part.text("id", provider_id)
        .text("status", status_name(status))
        .text("timestamp", moment)
        .text("recipient_id", to)
        .text("biz_opaque_callback_data", reply);
    if (status == ReceiptStatus::failed) {
        part.raw("errors", json_array({JsonObject().number("code", 131026).text("title", "gone").str()}));
    }
    return change("messages", account, "statuses", part.str());
}

std::string whatsapp_stranger(const Account& account, const std::string& event_id) {
    return change("messages", account.external_id, "messages",
                  message("5491100000000", event_id, "hologram")
                      .raw("hologram", JsonObject().number("depth", 3).str())
                      .str());
}

std::string whatsapp_webhook(const std::vector<std::string>& changes) {
    const std::string entry = JsonObject().text("id", "1").raw("changes", json_array(changes)).str();
    return JsonObject().text("object", "whatsapp_business_account").raw("entry", json_array({entry})).str();
}

std::string telegram_message(const std::string& who, const std::string& event_id, const std::string& text) {
    return update(event_id, "message",
                  JsonObject()
                      .raw("message_id", event_id)
                      .raw("from", JsonObject().raw("id", who).text("first_name", "Ana").str())
                      .raw("chat", chat(who))
                      .raw("date", std::string(moment))
                      .text("text", text)
                      .str());
}

std::string telegram_reaction(const std::string& who, const std::string& event_id) {
    const std::string heart = JsonObject().text("type", "emoji").text("emoji", "♥").str();
    return update(event_id, "message_reaction",
                  JsonObject()
                      .raw("chat", chat(who))
                      .number("message_id", 1)
                      .raw("date", std::string(moment))
                      .raw("old_reaction", "[]")
                      .raw("new_reaction", json_array({heart}))
                      .str());
}

std::string telegram_stranger(const std::string& event_id) {
    return update(event_id, "hologram", JsonObject().number("depth", 3).str());
}

std::string hub_signature(const std::string& secret, const std::string& body) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(secret.data()), secret.size());
    crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(body.data()), body.size());
    std::array<unsigned char, crypto_auth_hmacsha256_BYTES> mac{};
    crypto_auth_hmacsha256_final(&state, mac.data());
    std::string hex(mac.size() * 2 + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), mac.data(), mac.size());
    hex.pop_back();
    return "sha256=" + hex;
}

}  // namespace relevo
