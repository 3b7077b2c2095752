#pragma once

#include "domain/live.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// messages.received → messages.resolved: whose shop, which contact, which conversation; stores the message
/// with its place. What opens no turn (a reaction, the owner's echo, an unknown shape) ends here.
class Resolve final : public Stage {
  public:
    Resolve(ResolveStore& store, Live& live) : store_(store), live_(live) {}
    std::string_view name() const override { return "resolve"; }
    Task<Outcome> handle(std::span<const Envelope> records) override;

  private:
    ResolveStore& store_;
    Live& live_;
};

}  // namespace relevo
