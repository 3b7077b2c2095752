#include <algorithm>

#include "channels/json.hpp"
#include "channels/provider_call.hpp"
#include "channels/whatsapp.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

constexpr std::string_view api_version = "v23.0";
constexpr Millis send_deadline{10'000};
// An indicator that comes late shows after the answer.
constexpr Millis typing_deadline{3'000};
constexpr Millis check_deadline{5'000};
// A token or a permission is mended by a person: asking again sooner helps nobody.
constexpr Millis operator_pause{5 * 60'000};
// One message in 6 s for each recipient; after a refusal Meta asks for 4^n seconds.
constexpr Millis pair_pause{6'000};
constexpr int longest_pair_backoff = 5;

struct Meaning {
    Fault fault;
    std::string_view code;
    std::string_view advice;
    std::optional<Millis> retry_after = std::nullopt;
    bool away = true;  ///< of a transient one: every recipient would meet it
};

// developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
Meaning meaning_of(std::int64_t code, int status) {
    const auto is = [code](auto... codes) { return ((code == codes) || ...); };
    if (is(131056))
        return {Fault::transient, "whatsapp.pair_rate", "too many messages to this recipient", pair_pause,
                false};
    if (is(130429, 80007, 4, 17, 32, 613, 131048)) {
        return {Fault::transient, "whatsapp.throughput", "the number or app sends faster than its limit",
                Millis{30'000}};
    }
    if (is(131026)) return {Fault::permanent, "whatsapp.undeliverable", "the recipient cannot receive it"};
    if (is(131047)) {
        return {Fault::permanent, "whatsapp.window_closed",
                "24 hours have passed since the customer's last message"};
    }
    if (is(0, 3, 10, 190) || (code >= 200 && code <= 299) || (status == 401 && !is(100))) {
        return {Fault::transient, "whatsapp.bad_token",
                "renew the credential ACCESS_TOKEN of category whatsapp_cloud, or its permissions",
                operator_pause};
    }
    if (is(368, 131031)) {
        return {Fault::transient, "whatsapp.account_blocked",
                "see the account's quality in the WhatsApp Manager", operator_pause};
    }
    if (is(1, 2, 131000, 131016, 131057, 133004))
        return {Fault::transient, "whatsapp.unavailable", "Meta's fault"};
    if (status == 429) return {Fault::transient, "whatsapp.throughput", "too many requests", Millis{30'000}};
    if (status >= 500) return {Fault::transient, "whatsapp.unavailable", "Meta's fault"};
    return {Fault::permanent, "whatsapp.rejected", "see the provider's message"};
}

Millis pair_backoff(int attempt) {
    Millis pause{1'000};
    for (int i = 0; i < std::min(attempt, longest_pair_backoff); ++i) pause *= 4;
    return std::max(pause, pair_pause);
}

Sent refusal(JsonNode error, std::int64_t code, const HttpResponse& response, int attempt,
             const Secret& token) {
    const Meaning meaning = meaning_of(code, response.status);
    std::string message = error["message"].text();
    const std::string details = error["error_data"]["details"].text();
    if (!details.empty()) message += " (" + details + ")";
    // Meta quotes a malformed token in its message, cut so that it would not be recognised.
    if (meaning.code == "whatsapp.bad_token") message = error["type"].text();
    auto pause = meaning.retry_after;
    if (code == 131056) pause = pair_backoff(attempt);
    if (const auto asked = retry_after(response); asked && meaning.fault == Fault::transient) {
        pause = pause ? std::max(*pause, *asked) : *asked;
    }
    Sent sent = refused(
        meaning.fault, std::string(meaning.code),
        std::string(meaning.advice) + "; " + provider_text(std::to_string(code), message, token), pause);
    return meaning.fault == Fault::transient && meaning.away ? away(std::move(sent)) : sent;
}

Sent judge(const HttpResponse& response, int attempt, const Secret& token) {
    const auto document = JsonDocument::parse(response.body);
    if (!document) return unreadable_answer("whatsapp", response);
    const JsonNode error = document->root()["error"];
    if (const auto code = error["code"].whole()) return refusal(error, *code, response, attempt, token);
    const std::string id = document->root()["messages"].item(0)["id"].text();
    if (response.status < 200 || response.status >= 300 || id.empty())
        return unreadable_answer("whatsapp", response);
    return accepted(id);
}

}  // namespace

HttpCall WhatsApp::call(const std::string& account, const Secret& token, std::string body) const {
    HttpCall call;
    call.url = base_url_ + "/" + std::string(api_version) + "/" + path_segment(account) + "/messages";
    authorize(call, token);
    call.headers.emplace_back("Content-Type", "application/json");
    call.body = std::move(body);
    call.chosen_by = ChosenBy::installation;
    return call;
}

Task<Sent> WhatsApp::send(Outbound bubble, DeliveryPermit permit) {
    const bool by_user_id = bubble.to.kind == "wa_user";
    const std::string body =
        JsonObject()
            .text("messaging_product", "whatsapp")
            .text("recipient_type", "individual")
            .text(by_user_id ? "recipient" : "to", bubble.to.value)
            .text("type", "text")
            .raw("text", JsonObject().text("body", bubble.text).flag("preview_url", false).str())
            .text("biz_opaque_callback_data", bubble.reply.to_string())
            .str();
    HttpCall request = call(bubble.account, bubble.token, body);
    request.deadline = send_deadline;
    // There is no idempotency key: a kept connection that the other side closes just now would make a send
    // `unknown` that never left.
    request.reuse_connection = false;
    const auto response = co_await http_.send(std::move(request));
    if (!response) co_return without_answer("whatsapp", response.error(), bubble.token);
    co_return judge(*response, permit.attempt(), bubble.token);
}

Task<void> WhatsApp::typing(std::string account, Alias, std::string last_message, Secret token) {
    if (last_message.empty()) co_return;
    const std::string body = JsonObject()
                                 .text("messaging_product", "whatsapp")
                                 .text("status", "read")
                                 .text("message_id", last_message)
                                 .raw("typing_indicator", JsonObject().text("type", "text").str())
                                 .str();
    HttpCall request = call(account, token, body);
    request.deadline = typing_deadline;
    // Best effort: an indicator that fails changes nothing for the customer.
    static_cast<void>(co_await http_.send(std::move(request)));
}

Task<AccountCheck> WhatsApp::check_account(std::string account, Secret token) {
    HttpCall request;
    request.method = "GET";
    request.url = base_url_ + "/" + std::string(api_version) + "/" + path_segment(account) +
                  "?fields=id,webhook_configuration";
    authorize(request, token);
    request.deadline = check_deadline;
    request.chosen_by = ChosenBy::installation;
    const auto response = co_await http_.send(std::move(request));
    if (!response) co_return not_confirmed(without_answer("whatsapp", response.error(), token));
    const auto document = JsonDocument::parse(response->body);
    if (!document) co_return not_confirmed(unreadable_answer("whatsapp", *response));
    const JsonNode root = document->root();
    if (const auto code = root["error"]["code"].whole()) {
        co_return not_confirmed(refusal(root["error"], *code, *response, 1, token));
    }
    if (root["id"].text() != account) co_return not_confirmed(unreadable_answer("whatsapp", *response));
    AccountCheck check;
    check.token = AccountCheck::Token::valid;
    // The most specific one is where Meta sends the number's webhooks.
    for (const auto* level : {"phone_number", "whatsapp_business_account", "application"}) {
        const std::string address = root["webhook_configuration"][level].text();
        if (!check.webhook && !address.empty()) check.webhook = address;
    }
    co_return check;
}

}  // namespace relevo
