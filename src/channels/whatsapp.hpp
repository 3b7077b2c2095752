#pragma once

#include <string>

#include "domain/channel.hpp"

namespace relevo {

/// WhatsApp Cloud API. An account is a phone_number_id; a contact is a "wa_id" (phone number) or a "wa_user"
/// (the business-scoped id of someone who hides theirs).
class WhatsApp final : public Channel {
  public:
    /// `base_url` has no version: https://graph.facebook.com. `http` outlives the channel.
    WhatsApp(std::string base_url, HttpClient& http);

    std::string_view name() const override { return "whatsapp"; }
    ChannelLimits limits() const override;
    std::string_view credentials() const override { return "whatsapp_cloud"; }
    std::string_view verification_secret() const override { return "APP_SECRET"; }
    std::string_view challenge_secret() const override { return "VERIFY_TOKEN"; }
    std::string_view sending_secret() const override { return "ACCESS_TOKEN"; }
    HttpResponse challenge(const HttpRequest& request, const Secret& verify_token) const override;
    Result<void> verify(const HttpRequest& request, const Secret& secret) const override;
    Result<Parsed> parse(const HttpRequest& request) const override;
    Task<Sent> send(Outbound bubble, DeliveryPermit permit) override;
    Task<void> typing(std::string account, Alias to, std::string last_message, Secret token) override;
    Task<AccountCheck> check_account(std::string account, Secret token) override;

  private:
    HttpCall call(const std::string& account, const Secret& token, std::string body) const;

    std::string base_url_;
    HttpClient& http_;
};

}  // namespace relevo
