#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "domain/admission.hpp"

namespace prometheus {
class Registry;
}

namespace relevo {

/// What keeps bubbles from their customers. By channel: accounts are too many for a label, the log names
/// them. Safe from any thread.
///   relevo_open_breakers{channel}                accounts left alone now
///   relevo_breaker_openings_total{channel}
///   relevo_delivery_errors_total{channel,code}   attempts that were not accepted
///   relevo_parked_bubbles_total{channel,reason}  untried: provider away, provider probed, pace
///   relevo_pace_wait_seconds{channel}            waits in the lane for a slot of the provider's limits
class DeliveryMetrics final : public DeliveryWatch {
  public:
    explicit DeliveryMetrics(prometheus::Registry& registry);
    ~DeliveryMetrics() override;

    void breaker_opened(std::string_view channel, std::string_view account) override;
    void breaker_closed(std::string_view channel, std::string_view account) override;
    void left_alone(std::string_view channel, std::string_view account, SysTime until) override;
    void failed(std::string_view channel, std::string_view code) override;
    void parked(std::string_view channel, std::string_view reason) override;
    void paced(std::string_view channel, Millis wait) override;

    /// Forgets the breakers of accounts that nobody has asked for in time: none will tell of their end.
    void forget_unasked(SysTime now);

  private:
    using Accounts = std::map<std::string, SysTime, std::less<>>;  // and until when each is left alone
    void show(const std::string& channel, const Accounts& accounts);

    struct Families;
    std::unique_ptr<Families> families_;
    std::mutex mutex_;
    std::map<std::string, Accounts, std::less<>> alone_;  // by channel
};

}  // namespace relevo
