#pragma once

#include <string>

#include "core/clock.hpp"
#include "domain/channel.hpp"
#include "domain/live.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// replies.ready → the customer: asks the ledger before every bubble, sends it once, notes what became of it.
/// Waits in its lane for the spacing; longer waits are parked.
class Relay final : public Stage {
  public:
    Relay(RelayStore& store, Channels& channels, Vault& vault, Live& live, Clock& clock,
          std::string installation)
        : store_(store),
          channels_(channels),
          vault_(vault),
          live_(live),
          clock_(clock),
          installation_(std::move(installation)) {}
    std::string_view name() const override { return "relay"; }
    Task<Outcome> handle(std::span<const Envelope> records) override;

  private:
    Task<void> wait_until(SysTime when);
    Task<Outcome> send(TenantId tenant, ConversationId conversation, ReplyClaim claim);
    Task<Sent> attempt(TenantId tenant, const ReplyClaim& claim);
    Task<void> note(TenantId tenant, DeliveryPermit permit, Sent sent, std::optional<SysTime> due, SysTime now);

    RelayStore& store_;
    Channels& channels_;
    Vault& vault_;
    Live& live_;
    Clock& clock_;
    std::string installation_;
};

}  // namespace relevo
