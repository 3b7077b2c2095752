#pragma once

#include <functional>
#include <optional>

#include "core/clock.hpp"
#include "domain/stage.hpp"
#include "runtime/lanes.hpp"

namespace relevo {

/// The time of the records that are read again. Nobody waits: who sleeps is at once where it wanted to be.
class LogClock final : public Clock {
  public:
    SysTime now() const override { return now_; }
    Task<void> sleep_until(SysTime when) override;
    void set(SysTime now) { now_ = now; }

  private:
    SysTime now_{};
};

/// What a stage made of the records that it was given again: an outcome, or the error of its one attempt.
struct Rerun {
    const WorkRecords& records;
    std::optional<Outcome> outcome;
    std::optional<Error> error;
    std::optional<Outcome>
        gave_up;  ///< after a permanent error: what would have followed, beside the dead letter
};

/// Gives a stage records of one partition after the other, as a worker would hand them out, and carries out
/// nothing of what it says: no sink, no offsets, no second attempt.
class Reruns {
  public:
    /// Told after each piece of work; false ends the rerun. All outlive the reruns.
    using Tell = std::function<bool(const Rerun&)>;

    Reruns(Stage& stage, LogClock& clock, Lanes::Policy policy, Tell tell);

    /// In the log's order. False: `tell` said that it is enough.
    Task<bool> add(Envelope record);
    /// The partition has no more: open bursts are closed.
    Task<bool> end_partition();

  private:
    Task<bool> run_ready();
    Task<bool> run(const WorkRecords& records);

    Stage& stage_;
    LogClock& clock_;
    const Lanes::Policy policy_;
    const Tell tell_;
    Lanes lanes_;
    std::optional<std::int32_t> partition_;
};

}  // namespace relevo
