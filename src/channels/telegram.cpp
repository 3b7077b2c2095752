#include "channels/telegram.hpp"

#include "channels/provider_call.hpp"
#include "channels/signature.hpp"
#include "channels/telegram_parse.hpp"

namespace relevo {

Telegram::Telegram(std::string base_url, HttpClient& http)
    : base_url_(without_trailing_slash(std::move(base_url))), http_(http) {}

ChannelLimits Telegram::limits() const {
    return {.text = {.max = 4'096, .unit = TextLimit::Unit::utf16_units},
            .spacing = Millis{4'000},
            .unknown = ChannelLimits::Unknown::hold,
            // 30 a second for each bot: a burst of 5 and 25 a second pass it in no second. One a second in a
            // chat.
            .pace = {{PaceLimit::Per::account, {5, std::chrono::milliseconds(40)}},
                     {PaceLimit::Per::recipient, {1, std::chrono::seconds(1)}}}};
}

Result<void> Telegram::verify(const HttpRequest& request, const Secret& secret) const {
    if (secret.empty()) return no_verification_secret(credentials(), verification_secret());
    if (same_secret(request.header("X-Telegram-Bot-Api-Secret-Token"), secret)) return {};
    return Error{
        Fault::permanent, "webhook.bad_signature",
        "X-Telegram-Bot-Api-Secret-Token is missing or not the stored credential SECRET_TOKEN of category "
        "telegram; call setWebhook again with secret_token"};
}

Result<Parsed> Telegram::parse(const HttpRequest& request) const {
    return parse_telegram(request.body);
}

}  // namespace relevo
