#pragma once

#include "core/clock.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// messages.resolved → turns.ready: one turn of the burst. Wants burst lanes.
class Buffer final : public Stage {
  public:
    /// A tenant with `max_open_turns` waits its turn: a campaign's 50,000 answers must not starve the other
    /// shops.
    Buffer(BufferStore& store, Clock& clock, int max_open_turns)
        : store_(store), clock_(clock), max_open_turns_(max_open_turns) {}
    std::string_view name() const override { return "buffer"; }
    BurstPolicy window(const Envelope& record) const override;
    Task<Outcome> handle(std::span<const Envelope> records) override;

  private:
    BufferStore& store_;
    Clock& clock_;
    int max_open_turns_;
};

}  // namespace relevo
