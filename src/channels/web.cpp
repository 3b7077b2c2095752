#include "channels/web.hpp"

#include "channels/provider_call.hpp"

namespace relevo {
namespace {

Error no_webhook() {
    return {Fault::permanent, "webhook.none",
            "the channel web has no webhook; its messages come over Socket.IO"};
}

}  // namespace

ChannelLimits Web::limits() const {
    // A page shows bubbles as fast as they come, and the same row twice is one bubble.
    return {.text = {.max = 4'096, .unit = TextLimit::Unit::code_points},
            .spacing = Millis{0},
            .unknown = ChannelLimits::Unknown::resend};
}

Result<void> Web::verify(const HttpRequest&, const Secret&) const {
    return no_webhook();
}

Result<Parsed> Web::parse(const HttpRequest&) const {
    return no_webhook();
}

Task<Sent> Web::send(Outbound bubble, DeliveryPermit) {
    co_return accepted(bubble.reply.to_string());
}

}  // namespace relevo
