#pragma once

#include "domain/stage.hpp"

namespace relevo {

/// The table `timers` → the topic each due record belongs to.
class Wake final : public Stage {
  public:
    std::string_view name() const override { return "wake"; }
    Task<Outcome> handle(std::span<const Envelope> records) override;
};

}  // namespace relevo
