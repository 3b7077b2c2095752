#pragma once

#include <functional>

#include "core/clock.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// Keeps a record as a dead letter, logged and counted; called for one of a burst whose others go on, again
/// if the burst comes again.
using SetAside = std::function<Task<void>(const Envelope& record, const Error& error)>;

/// messages.resolved → turns.ready: one turn of the burst. Wants burst lanes.
class Buffer final : public Stage {
  public:
    /// A tenant with `max_open_turns` waits its turn: a campaign's 50,000 answers must not starve the other
    /// shops.
    Buffer(BufferStore& store, SetAside set_aside, Clock& clock, int max_open_turns)
        : store_(store), set_aside_(std::move(set_aside)), clock_(clock), max_open_turns_(max_open_turns) {}
    std::string_view name() const override { return "buffer"; }
    BurstPolicy window(const Envelope& record) const override;
    Task<Outcome> handle(std::span<const Envelope> records) override;

  private:
    struct Burst;
    Task<Outcome> decide(const Burst& burst);

    BufferStore& store_;
    SetAside set_aside_;
    Clock& clock_;
    int max_open_turns_;
};

}  // namespace relevo
