#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/record.hpp"
#include "core/task.hpp"

namespace relevo {

/// What an operator has told one stage to leave for later.
struct StagePause {
    bool all = false;                            ///< nothing begins; the log waits
    std::set<std::string, std::less<>> tenants;  ///< of these nothing begins: as their records' keys begin

    bool has(std::string_view key) const { return !tenants.empty() && tenants.contains(fairness_key(key)); }
};

/// What a worker asks about pauses.
class Pauses {
  public:
    virtual ~Pauses() = default;
    /// As it was known at most some seconds ago; never null. Safe from any thread.
    virtual std::shared_ptr<const StagePause> of(std::string_view stage) const = 0;
    /// Keeps a paused tenant's record as a timer that wakes when the tenant is resumed: at once, if that was
    /// meanwhile.
    virtual Task<void> keep(std::string stage, Record record, SysTime now) = 0;
};

/// One of an operator's pauses.
struct Pause {
    std::string stage;
    std::string shop;  ///< its slug; empty: all shops
    std::string by;
    std::string reason;
    SysTime since{};
};

/// The pauses, for the command line: blocks. They outlive every process.
class PauseBook {
  public:
    virtual ~PauseBook() = default;
    virtual std::vector<Pause> list() = 0;
    /// Pausing what is paused replaces by and reason. Throws Failure "shop.unknown" (permanent).
    virtual void pause(const Pause& pause) = 0;
    /// Whether it was paused. `topic` is the stage's input: what was kept of it comes back in its order.
    /// Throws Failure "shop.unknown" (permanent).
    virtual bool resume(const std::string& stage, const std::string& topic, const std::string& shop) = 0;
    /// Timers that are due, at most 10,000.
    virtual std::int64_t due_timers() = 0;
};

}  // namespace relevo
