#pragma once

#include <memory>
#include <string>
#include <vector>

#include "domain/channel.hpp"

namespace relevo {

/// Where the providers are: base addresses as their SDKs take them, without version or token.
struct ChannelSettings {
    std::string whatsapp_url = "https://graph.facebook.com";
    std::string telegram_url = "https://api.telegram.org";
};

/// Every channel there is. `http` outlives them.
std::vector<std::unique_ptr<Channel>> make_channels(const ChannelSettings& settings, HttpClient& http);

}  // namespace relevo
