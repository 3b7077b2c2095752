#pragma once

#include <span>
#include <string_view>

#include "core/burst_window.hpp"
#include "core/outcome.hpp"
#include "core/task.hpp"

namespace relevo {

/// One step of a message's way: takes records of one topic, has its effects, says what follows. Stateless: what
/// it must remember is in the stores. Throws Failure: transient ones are tried again, permanent ones become a
/// dead letter.
class Stage {
  public:
    virtual ~Stage() = default;
    virtual std::string_view name() const = 0;
    /// One record, or the burst of one key where the pipeline gives the stage burst lanes. The span lives until
    /// the task ends. May run again for the same records: after a fault, a restart, a rebalance.
    virtual Task<Outcome> handle(std::span<const Envelope> records) = 0;
    /// When the burst that begins with this record counts as one. Asked of burst lanes only.
    virtual BurstPolicy window(const Envelope& record) const;
    /// Runs before the records become a dead letter, so that the customer is not left without an answer.
    virtual Task<Outcome> give_up(std::span<const Envelope> records, Error error);
};

}  // namespace relevo
