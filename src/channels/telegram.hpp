#pragma once

#include <string>

#include "domain/channel.hpp"

namespace relevo {

/// Telegram Bot API. The webhook's address names the account; a contact is a "telegram_chat".
class Telegram final : public Channel {
  public:
    /// `base_url` is what stands before /bot<token>: https://api.telegram.org. `http` outlives the channel.
    Telegram(std::string base_url, HttpClient& http);

    std::string_view name() const override { return "telegram"; }
    ChannelLimits limits() const override;
    std::string_view credentials() const override { return "telegram"; }
    std::string_view verification_secret() const override { return "SECRET_TOKEN"; }
    std::string_view sending_secret() const override { return "BOT_TOKEN"; }
    Result<void> verify(const HttpRequest& request, const Secret& secret) const override;
    Result<Parsed> parse(const HttpRequest& request) const override;
    Task<Sent> send(Outbound bubble, DeliveryPermit permit) override;
    Task<void> typing(std::string account, Alias to, std::string last_message, Secret token) override;
    Task<AccountCheck> check_account(std::string account, Secret token) override;
    bool sets_webhook() const override { return true; }
    Task<Result<void>> set_webhook(std::string url, Secret secret, Secret token) override;

  private:
    HttpCall call(std::string_view method, const Secret& token, std::string body) const;

    std::string base_url_;
    HttpClient& http_;
};

}  // namespace relevo
