#include "channels/list.hpp"

#include "channels/telegram.hpp"
#include "channels/web.hpp"
#include "channels/whatsapp.hpp"

namespace relevo {

std::vector<std::unique_ptr<Channel>> make_channels(const ChannelSettings& settings, HttpClient& http) {
    std::vector<std::unique_ptr<Channel>> channels;
    channels.push_back(std::make_unique<WhatsApp>(settings.whatsapp_url, http));
    channels.push_back(std::make_unique<Telegram>(settings.telegram_url, http));
    channels.push_back(std::make_unique<Web>());
    return channels;
}

}  // namespace relevo
