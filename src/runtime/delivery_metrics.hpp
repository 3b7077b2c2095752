#pragma once

#include <memory>

#include "domain/admission.hpp"

namespace prometheus {
class Registry;
}

namespace relevo {

/// What keeps bubbles from their providers. By channel: accounts are too many for a label, the log names
/// them. Safe from any thread.
///   relevo_open_breakers{channel}                 accounts left alone now, once for each worker that found
///   so relevo_breaker_openings_total{channel} relevo_parked_bubbles_total{channel,reason}   untried:
///   provider away, provider probed, pace relevo_pace_wait_seconds{channel}             waits in the lane for
///   a slot of the provider's limits
class DeliveryMetrics final : public DeliveryWatch {
  public:
    explicit DeliveryMetrics(prometheus::Registry& registry);
    ~DeliveryMetrics() override;

    void breaker_opened(std::string_view channel, std::string_view account) override;
    void breaker_closed(std::string_view channel, std::string_view account) override;
    void parked(std::string_view channel, std::string_view reason) override;
    void paced(std::string_view channel, Millis wait) override;

  private:
    struct Families;
    std::unique_ptr<Families> families_;
};

}  // namespace relevo
