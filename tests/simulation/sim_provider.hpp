#pragma once

#include <functional>
#include <string>
#include <vector>

#include "domain/channel.hpp"
#include "domain/model.hpp"
#include "tests/simulation/sim_clock.hpp"
#include "tests/simulation/sim_faults.hpp"

namespace relevo {

/// A bubble as it reached the customer.
struct SimBubble {
    SysTime at;
    std::string account;
    std::string to;
    std::string text;
    ReplyId reply;
    std::string token;
};

/// The provider's side: what customers see. It survives every process.
struct SimProvider {
    std::vector<SimBubble> bubbles;
    std::function<void(const SimBubble& bubble, const std::string& provider_id)> accepted;
    /// The number of times that a reply reached its customer.
    std::size_t count(ReplyId reply) const;
};

/// One process's way to the provider. A send takes effect in the middle of its time.
class SimChannel final : public Channel {
  public:
    SimChannel(SimProvider& provider, SimClock& clock, SimFaults& faults)
        : provider_(provider), clock_(clock), faults_(faults) {}

    std::string_view name() const override { return "sim"; }
    ChannelLimits limits() const override {
        ChannelLimits limits;
        limits.pace = {{PaceLimit::Per::account, {10, std::chrono::milliseconds(50)}},
                       {PaceLimit::Per::recipient, {45, std::chrono::seconds(6)}}};
        return limits;
    }
    std::string_view credentials() const override { return "sim"; }
    std::string_view verification_secret() const override { return "SECRET"; }
    std::string_view sending_secret() const override { return "TOKEN"; }
    Result<void> verify(const HttpRequest&, const Secret&) const override { return {}; }
    Result<Parsed> parse(const HttpRequest&) const override { return Parsed{}; }
    Task<Sent> send(Outbound bubble, DeliveryPermit permit) override;

  private:
    SimProvider& provider_;
    SimClock& clock_;
    SimFaults& faults_;
};

/// Answers with the lines it was asked, so that a test knows what was answered: a greeting bubble, one bubble
/// a line, a closing one.
class SimModel final : public ModelProvider {
  public:
    explicit SimModel(SimFaults& faults) : faults_(faults) {}
    std::string_view name() const override { return "sim"; }
    std::string_view credentials() const override { return {}; }
    Task<Result<Completion>> complete(Prompt prompt, DeltaSink delta) override;

  private:
    SimFaults& faults_;
};

}  // namespace relevo
