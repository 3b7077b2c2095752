#include "domain/channel.hpp"

namespace relevo {

HttpResponse Channel::challenge(const HttpRequest&, const Secret&) const {
    auto response =
        error_response(405, "webhook.no_challenge",
                       "the channel " + std::string(name()) + " has no challenges: POST its webhooks");
    response.headers.emplace_back("Allow", "POST");
    return response;
}

Task<void> Channel::typing(std::string, Alias, std::string, Secret) {
    co_return;
}

Task<AccountCheck> Channel::check_account(std::string, Secret) {
    co_return AccountCheck{};
}

Task<Result<void>> Channel::set_webhook(std::string, Secret, Secret) {
    co_return Result<void>();
}

Channels::Channels(std::vector<std::unique_ptr<Channel>> channels) : channels_(std::move(channels)) {}

Channel* Channels::find(std::string_view name) const {
    for (const auto& channel : channels_) {
        if (channel->name() == name) return channel.get();
    }
    return nullptr;
}

}  // namespace relevo
