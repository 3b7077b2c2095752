#pragma once

#include "domain/channel.hpp"

namespace relevo {

/// The widget on a shop's own page. Its messages come over a socket and not by webhook; a bubble is delivered
/// by the row that the ledger commits: the gateway shows what is there.
class Web final : public Channel {
  public:
    std::string_view name() const override { return "web"; }
    ChannelLimits limits() const override;
    std::string_view credentials() const override { return {}; }
    std::string_view verification_secret() const override { return {}; }
    /// Always an error: there is no webhook.
    Result<void> verify(const HttpRequest& request, const Secret& secret) const override;
    Result<Parsed> parse(const HttpRequest& request) const override;
    /// Accepted at once, under the reply's own id.
    Task<Sent> send(Outbound bubble, DeliveryPermit permit) override;
};

}  // namespace relevo
