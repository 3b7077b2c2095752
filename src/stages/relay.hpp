#pragma once

#include <string>

#include "core/clock.hpp"
#include "domain/admission.hpp"
#include "domain/channel.hpp"
#include "domain/live.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"

namespace relevo {

struct ReplyReady;

struct RelaySettings {
    std::string installation;
    std::vector<Millis> retries{};  ///< instead of each channel's own; empty: those
};

/// replies.ready → the customer: asks the ledger before every bubble, and then for a slot of its provider's;
/// sends it once, notes what became of it. Waits in its lane for the spacing and the slot; longer waits are
/// parked.
class Relay final : public Stage {
  public:
    Relay(RelayStore& store, Channels& channels, Vault& vault, Live& live, Clock& clock, Pace& pace,
          DeliveryWatch& watch, RelaySettings settings)
        : store_(store),
          channels_(channels),
          vault_(vault),
          live_(live),
          clock_(clock),
          watch_(watch),
          admission_(pace, clock, watch),
          settings_(std::move(settings)) {}
    std::string_view name() const override { return "relay"; }
    Task<Outcome> handle(std::span<const Envelope> records) override;

  private:
    using Pass = std::optional<Admission::Pass>;
    Task<std::optional<Admission::Hold>> admit(const Admission::Asker& asker, SysTime patient_until,
                                               Pass& pass);
    Task<void> wait_until(SysTime when);
    Task<Outcome> send(const ReplyReady& ready, ReplyClaim claim, Pass pass);
    Task<Sent> attempt(const ReplyReady& ready, const ReplyClaim& claim, Pass pass);
    ChannelLimits limits_of(const Channel& channel) const;
    Task<void> note(TenantId tenant, DeliveryPermit permit, Sent sent, std::optional<SysTime> due,
                    SysTime now);

    RelayStore& store_;
    Channels& channels_;
    Vault& vault_;
    Live& live_;
    Clock& clock_;
    DeliveryWatch& watch_;
    Admission admission_;
    RelaySettings settings_;
};

}  // namespace relevo
