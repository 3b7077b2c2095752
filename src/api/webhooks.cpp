#include <algorithm>
#include <set>

#include "api/list.hpp"
#include "domain/channel.hpp"

namespace relevo {
namespace {

// "whatsapp_cloud/APP_SECRET": where the vault has what verifies them.
std::string verified_with(const Channels& channels, const std::string& name) {
    const Channel* channel = channels.find(name);
    if (!channel) return {};
    return std::string(channel->credentials()) + "/" + std::string(channel->verification_secret());
}

std::string place_of(const WebhookRow& row) {
    return row.channel + "/" + std::to_string(row.endpoint.value);
}

ApiHandler list(const Channels& channels, const std::string& public_url) {
    return [&channels, public_url](ApiCall& call) -> Task<ApiResult> {
        std::set<std::string> there;
        auto listed = call.stores.credentials().list(call.tenant());
        for (const auto& credential : co_await std::move(listed)) {
            if (credential.opens) there.insert(credential.category + "/" + credential.name);
        }
        auto asked = call.stores.accounts().webhooks(call.tenant());
        auto rows = co_await std::move(asked);
        const auto json_of = [&](const WebhookRow& row) {
            const std::string secret = verified_with(channels, row.channel);
            const bool shared = row.key.empty();
            JsonObject object;
            object.text("channel", row.channel).flag("shared", shared);
            if (!shared) object.text("url", webhook_url(public_url, row.channel, row.key));
            object.raw("accounts", json_texts(row.accounts)).text("verified_with", secret);
            if (!shared) object.flag("verifiable", there.contains(secret));
            add_time(object, "last_activity_at", row.last);
            object.number("unknown", row.unknown);
            add_time(object, "unknown_at", row.unknown_at);
            return object.str();
        };
        co_return page_of_all(call, std::move(rows), json_of, place_of, std::less<>());
    };
}

}  // namespace

void add_webhook_handlers(ApiHandlers& handlers, const Channels& channels, const std::string& public_url) {
    handlers["list_webhooks"] = list(channels, public_url);
}

}  // namespace relevo
