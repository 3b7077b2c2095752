#include "channels/whatsapp.hpp"

#include "channels/provider_call.hpp"
#include "channels/signature.hpp"
#include "channels/whatsapp_parse.hpp"

namespace relevo {

WhatsApp::WhatsApp(std::string base_url, HttpClient& http)
    : base_url_(without_trailing_slash(std::move(base_url))), http_(http) {}

ChannelLimits WhatsApp::limits() const {
    // Meta says 4096 "characters" and not which: UTF-16 units are the most that a text can count.
    return {.text = {.max = 4'096, .unit = TextLimit::Unit::utf16_units},
            .spacing = Millis{4'000},
            .unknown = ChannelLimits::Unknown::hold,
            // 80 a second for each number: a burst of 10 and 70 a second pass it in no second. To one
            // recipient 45 at once, then one in 6 s.
            .pace = {{PaceLimit::Per::account, {10, std::chrono::microseconds(14'286)}},
                     {PaceLimit::Per::recipient, {45, std::chrono::seconds(6)}}}};
}

HttpResponse WhatsApp::challenge(const HttpRequest& request, const Secret& verify_token) const {
    if (request.query("hub.mode") != "subscribe" ||
        !same_secret(request.query("hub.verify_token"), verify_token)) {
        return error_response(
            401, "webhook.bad_verify_token",
            "hub.verify_token is not the stored credential VERIFY_TOKEN of category whatsapp_cloud");
    }
    return {.status = 200,
            .body = request.query("hub.challenge"),
            .content_type = "text/plain",
            .headers = {{"X-Content-Type-Options", "nosniff"}}};
}

Result<void> WhatsApp::verify(const HttpRequest& request, const Secret& secret) const {
    return verify_hub_signature(request, secret, credentials());
}

Result<Parsed> WhatsApp::parse(const HttpRequest& request) const {
    return parse_whatsapp(request.body);
}

}  // namespace relevo
