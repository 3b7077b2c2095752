#pragma once

#include "core/clock.hpp"
#include "domain/live.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// turns.ready → inferences.requested: finds the shop's passages for the turn and freezes them as step 0.
class Retrieve final : public Stage {
  public:
    Retrieve(RetrieveStore& store, Live& live, Clock& clock) : store_(store), live_(live), clock_(clock) {}
    std::string_view name() const override { return "retrieve"; }
    Task<Outcome> handle(std::span<const Envelope> records) override;
    Task<Outcome> give_up(std::span<const Envelope> records, Error error) override;

  private:
    RetrieveStore& store_;
    Live& live_;
    Clock& clock_;
};

}  // namespace relevo
