#include "tests/faults/webhook.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <chrono>

#include "core/clock.hpp"
#include "core/json_object.hpp"

namespace relevo::faults {
namespace {

std::string account_of(const std::string& person) {
    return person.substr(0, person.find('/'));
}
std::string customer_of(const std::string& person) {
    return person.substr(person.find('/') + 1);
}

std::string seconds() {
    return std::to_string(to_millis(SystemClock().now()) / 1'000);
}

std::string webhook(const std::string& field, const std::string& account, const std::string& member,
                    const std::string& part) {
    JsonObject value;
    value.text("messaging_product", "whatsapp")
        .raw("metadata",
             JsonObject().text("display_phone_number", "+1").text("phone_number_id", account).str())
        .raw(member, "[" + part + "]");
    const std::string change = JsonObject().text("field", field).raw("value", value.str()).str();
    const std::string entry = JsonObject().text("id", "1").raw("changes", "[" + change + "]").str();
    return JsonObject().text("object", "whatsapp_business_account").raw("entry", "[" + entry + "]").str();
}

std::string body_of(const std::string& text) {
    return JsonObject().text("body", text).str();
}

}  // namespace

std::string webhook_of(const Said& said, const std::string& about) {
    const std::string account = account_of(said.person);
    JsonObject part;
    part.text("id", said.event).text("timestamp", seconds());
    if (said.kind == Said::Kind::echo) {
        part.text("from", account).text("to", customer_of(said.person)).text("type", "text");
        return webhook("smb_message_echoes", account, "message_echoes",
                       part.raw("text", body_of(said.text)).str());
    }
    part.text("from", customer_of(said.person));
    switch (said.kind) {
        case Said::Kind::reaction:
            part.text("type", "reaction")
                .raw("reaction", JsonObject().text("message_id", about).text("emoji", "+").str());
            break;
        case Said::Kind::strange:
            part.text("type", "request_welcome").text("group_id", "a group, which is nobody's conversation");
            break;
        default:
            part.text("type", "text")
                .raw("text", body_of(said.text))
                .raw("referral", JsonObject().text("headline", said.text).str());
    }
    return webhook("messages", account, "messages", part.str());
}

std::string webhook_of(const Bubble& bubble, const std::string& id, const std::string& status) {
    return webhook("messages", account_of(bubble.person), "statuses",
                   JsonObject()
                       .text("id", id)
                       .text("status", status)
                       .text("timestamp", seconds())
                       .text("recipient_id", customer_of(bubble.person))
                       .text("biz_opaque_callback_data", bubble.reply)
                       .str());
}

HttpCall sign(const Shop& shop, std::string body, std::uint16_t port) {
    std::array<unsigned char, crypto_auth_hmacsha256_BYTES> mac{};
    crypto_auth_hmacsha256_state state;
    const std::string& secret = shop.app_secret.reveal();
    crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(secret.data()), secret.size());
    crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(body.data()), body.size());
    crypto_auth_hmacsha256_final(&state, mac.data());
    std::string hex;
    for (const auto byte : mac) hex += fmt::format("{:02x}", byte);
    HttpCall call;
    call.chosen_by = ChosenBy::installation;  // to this machine
    call.url = fmt::format("http://127.0.0.1:{}/webhooks/whatsapp/{}", port, shop.key);
    call.headers = {{"Content-Type", "application/json"}, {"X-Hub-Signature-256", "sha256=" + hex}};
    call.body = std::move(body);
    call.deadline = Millis{4'000};
    return call;
}

}  // namespace relevo::faults
