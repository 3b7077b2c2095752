#include <charconv>
#include <optional>

#include "channels/json.hpp"
#include "channels/provider_call.hpp"
#include "channels/telegram.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

constexpr Millis send_deadline{10'000};
constexpr Millis typing_deadline{3'000};
constexpr Millis check_deadline{5'000};
constexpr Millis webhook_deadline{5'000};
constexpr Millis operator_pause{5 * 60'000};
constexpr Millis flood_pause{5'000};

/// Where a message goes: a chat, in business through the owner's connection ("connection:chat").
JsonObject recipient(const Alias& to) {
    JsonObject body;
    std::string_view chat = to.value;
    if (to.kind == "telegram_business") {
        const auto colon = chat.rfind(':');
        body.text_if_any("business_connection_id",
                         chat.substr(0, colon == std::string_view::npos ? 0 : colon));
        if (colon != std::string_view::npos) chat.remove_prefix(colon + 1);
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(chat.data(), chat.data() + chat.size(), number);
    if (error == std::errc() && end == chat.data() + chat.size()) return body.number("chat_id", number);
    return body.text("chat_id", chat);
}

Sent refusal(JsonNode answer, const HttpResponse& response, const Secret& token) {
    const auto code = answer["error_code"].whole().value_or(response.status);
    const JsonNode parameters = answer["parameters"];
    const std::string text = provider_text(std::to_string(code), answer["description"].text(), token);
    if (code == 429) {
        // It does not tell the chat's limit from the bot's; our own pace keeps the bot below its own.
        const auto pause = asked_pause(parameters["retry_after"].whole())
                               .value_or(retry_after(response).value_or(flood_pause));
        return refused(Fault::transient, "telegram.flood", "too many messages; " + text, pause);
    }
    if (code == 401 || code == 404) {
        return away(refused(Fault::transient, "telegram.bad_token",
                            "renew the credential BOT_TOKEN of category telegram; " + text, operator_pause));
    }
    if (code == 403)
        return refused(Fault::permanent, "telegram.blocked", "the customer blocked the bot; " + text);
    if (parameters["migrate_to_chat_id"].has_value()) {
        return refused(Fault::permanent, "telegram.migrated", "the group became a supergroup; " + text);
    }
    if (code >= 500)
        return away(refused(Fault::transient, "telegram.unavailable", "Telegram's fault; " + text));
    return refused(Fault::permanent, "telegram.rejected", text);
}

using Answer = boost::system::result<HttpResponse, HttpFault>;

// The document of a method's success; else what the answer says of the account.
std::optional<JsonDocument> success(const Answer& answer, const Secret& token, AccountCheck& check) {
    if (!answer) {
        check = not_confirmed(without_answer("telegram", answer.error(), token));
        return std::nullopt;
    }
    auto document = JsonDocument::parse(answer->body);
    if (document && document->root()["ok"].is_true()) return std::move(*document);
    check = not_confirmed(document && document->root()["ok"].has_value()
                              ? refusal(document->root(), *answer, token)
                              : unreadable_answer("telegram", *answer));
    return std::nullopt;
}

Sent judge(const HttpResponse& response, const std::string& chat, const Secret& token) {
    const auto document = JsonDocument::parse(response.body);
    if (!document || !document->root()["ok"].has_value()) return unreadable_answer("telegram", response);
    const JsonNode answer = document->root();
    if (!answer["ok"].is_true()) return refusal(answer, response, token);
    const std::string message = answer["result"]["message_id"].text();
    if (message.empty()) return unreadable_answer("telegram", response);
    return accepted(chat + ":" + message);
}

}  // namespace

HttpCall Telegram::call(std::string_view method, const Secret& token, std::string body) const {
    HttpCall call;
    const Secret segment(path_segment(token.reveal()));
    call.url.reserve(base_url_.size() + segment.reveal().size() + method.size() + 8);  // no copies on the way
    call.url.append(base_url_).append("/bot").append(segment.reveal()).append("/").append(method);
    call.headers = {{"Content-Type", "application/json"}};
    call.body = std::move(body);
    call.chosen_by = ChosenBy::installation;
    return call;
}

Task<Sent> Telegram::send(Outbound bubble, DeliveryPermit) {
    HttpCall request =
        call("sendMessage", bubble.token, recipient(bubble.to).text("text", bubble.text).str());
    request.deadline = send_deadline;
    // As with WhatsApp: sendMessage has no idempotency key, so a send must not meet a connection that just
    // closes.
    request.reuse_connection = false;
    const auto response = co_await http_.send(std::move(request));
    if (!response) co_return without_answer("telegram", response.error(), bubble.token);
    const auto colon = bubble.to.value.rfind(':');
    const std::string chat = colon == std::string::npos ? bubble.to.value : bubble.to.value.substr(colon + 1);
    co_return judge(*response, chat, bubble.token);
}

Task<void> Telegram::typing(std::string, Alias to, std::string, Secret token) {
    HttpCall request = call("sendChatAction", token, recipient(to).text("action", "typing").str());
    request.deadline = typing_deadline;
    // Best effort: an indicator that fails changes nothing for the customer.
    static_cast<void>(co_await http_.send(std::move(request)));
}

Task<Result<void>> Telegram::set_webhook(std::string url, Secret secret, Secret token) {
    // Reactions come to those only who ask for them; of the rest what is read, or kept because it changes
    // what was said.
    static const std::vector<std::string> wanted{
        "message",          "edited_message",          "callback_query",
        "message_reaction", "business_connection",     "business_message",
        "my_chat_member",   "edited_business_message", "deleted_business_messages"};
    HttpCall request = call("setWebhook", token,
                            JsonObject()
                                .text("url", url)
                                .text("secret_token", secret.reveal())
                                .raw("allowed_updates", json_texts(wanted))
                                .flag("drop_pending_updates", false)
                                .str());
    request.deadline = webhook_deadline;
    const auto answer = co_await http_.send(std::move(request));
    if (!answer) co_return without_answer("telegram", answer.error(), token).error;
    const auto document = JsonDocument::parse(answer->body);
    if (!document || !document->root()["ok"].has_value())
        co_return unreadable_answer("telegram", *answer).error;
    if (!document->root()["ok"].is_true()) co_return refusal(document->root(), *answer, token).error;
    co_return Result<void>();
}

Task<AccountCheck> Telegram::check_account(std::string account, Secret token) {
    AccountCheck check;
    HttpCall who = call("getMe", token, "{}");
    who.deadline = check_deadline;
    const auto named = co_await http_.send(std::move(who));
    const auto bot = success(named, token, check);
    if (!bot) co_return check;
    if (const std::string id = bot->root()["result"]["id"].text(); id != account) {
        check.token = AccountCheck::Token::refused;
        check.text = "the token is bot " + id + "'s";
        co_return check;
    }
    check.token = AccountCheck::Token::valid;
    HttpCall where = call("getWebhookInfo", token, "{}");
    where.deadline = check_deadline;
    const auto told = co_await http_.send(std::move(where));
    AccountCheck ignored;
    if (const auto webhook = success(told, token, ignored)) {
        const JsonNode result = webhook->root()["result"];
        check.webhook = result["url"].text();
        // It keeps its last error for ever: of interest while updates wait.
        if (result["pending_update_count"].whole().value_or(0) > 0) {
            check.webhook_problem = result["last_error_message"].text();
        }
    }
    co_return check;
}

}  // namespace relevo
