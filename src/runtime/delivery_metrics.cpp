#include "runtime/delivery_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>

#include "core/log.hpp"

namespace relevo {
namespace {

constexpr Millis late_by{60'000};  // what wakes and lanes may add to the moment when a bubble is due

// Longer waits than the lane's are parked.
const prometheus::Histogram::BucketBoundaries wait_buckets{0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 20, 35};

}  // namespace

struct DeliveryMetrics::Families {
    prometheus::Family<prometheus::Gauge>& open;
    prometheus::Family<prometheus::Counter>& openings;
    prometheus::Family<prometheus::Counter>& errors;
    prometheus::Family<prometheus::Counter>& parked;
    prometheus::Family<prometheus::Histogram>& waits;
};

DeliveryMetrics::DeliveryMetrics(prometheus::Registry& registry)
    : families_(std::make_unique<Families>(
          Families{prometheus::BuildGauge()
                       .Name("relevo_open_breakers")
                       .Help("Accounts whose provider is left alone now")
                       .Register(registry),
                   prometheus::BuildCounter()
                       .Name("relevo_breaker_openings_total")
                       .Help("How often an account's provider was found away")
                       .Register(registry),
                   prometheus::BuildCounter()
                       .Name("relevo_delivery_errors_total")
                       .Help("Attempts to send a bubble that were not accepted, by code")
                       .Register(registry),
                   prometheus::BuildCounter()
                       .Name("relevo_parked_bubbles_total")
                       .Help("Bubbles that were parked untried, by reason")
                       .Register(registry),
                   prometheus::BuildHistogram()
                       .Name("relevo_pace_wait_seconds")
                       .Help("Waits in the lane for a slot of the provider's limits")
                       .Register(registry)})) {}

DeliveryMetrics::~DeliveryMetrics() = default;

void DeliveryMetrics::breaker_opened(std::string_view channel, std::string_view account) {
    families_->openings.Add({{"channel", std::string(channel)}}).Increment();
    log_warn("breaker.opened", {{"channel", channel}, {"account", account}});
}

void DeliveryMetrics::breaker_closed(std::string_view channel, std::string_view account) {
    {
        const std::lock_guard lock(mutex_);
        Accounts& accounts = alone_[std::string(channel)];
        accounts.erase(std::string(account));
        show(std::string(channel), accounts);
    }
    log_info("breaker.closed", {{"channel", channel}, {"account", account}});
}

void DeliveryMetrics::left_alone(std::string_view channel, std::string_view account, SysTime until) {
    const std::lock_guard lock(mutex_);
    Accounts& accounts = alone_[std::string(channel)];
    SysTime& known = accounts[std::string(account)];
    known = std::max(known, until + late_by);
    show(std::string(channel), accounts);
}

void DeliveryMetrics::forget_unasked(SysTime now) {
    const std::lock_guard lock(mutex_);
    for (auto& [channel, accounts] : alone_) {
        std::erase_if(accounts, [&](const auto& account) { return account.second < now; });
        show(channel, accounts);
    }
}

void DeliveryMetrics::show(const std::string& channel, const Accounts& accounts) {
    families_->open.Add({{"channel", channel}}).Set(static_cast<double>(accounts.size()));
}

void DeliveryMetrics::failed(std::string_view channel, std::string_view code) {
    families_->errors.Add({{"channel", std::string(channel)}, {"code", std::string(code)}}).Increment();
}

void DeliveryMetrics::parked(std::string_view channel, std::string_view reason) {
    families_->parked.Add({{"channel", std::string(channel)}, {"reason", std::string(reason)}}).Increment();
}

void DeliveryMetrics::paced(std::string_view channel, Millis wait) {
    families_->waits.Add({{"channel", std::string(channel)}}, wait_buckets)
        .Observe(std::chrono::duration<double>(wait).count());
}

}  // namespace relevo
