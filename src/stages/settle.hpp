#pragma once

#include "core/clock.hpp"
#include "domain/live.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// receipts.received: what became of each delivery, as far as the provider says.
class Settle final : public Stage {
  public:
    Settle(SettleStore& store, Live& live, Clock& clock) : store_(store), live_(live), clock_(clock) {}
    std::string_view name() const override { return "settle"; }
    Task<Outcome> handle(std::span<const Envelope> records) override;

  private:
    SettleStore& store_;
    Live& live_;
    Clock& clock_;
};

}  // namespace relevo
