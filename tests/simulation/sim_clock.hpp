#pragma once

#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "core/clock.hpp"
#include "tests/simulation/sim_loop.hpp"

namespace relevo {

/// Virtual time: it stands still until somebody moves it on.
class SimClock final : public Clock {
  public:
    explicit SimClock(SysTime start = from_millis(1'700'000'000'000)) : now_(start) {}

    SysTime now() const override { return now_; }
    Task<void> sleep_until(SysTime when) override {
        return SimLoop::wait([this, when](SimLoop::Wake wake) { at(when, wake); });
    }

    /// Calls `event` when the time has come.
    void at(SysTime when, std::function<void()> event) {
        events_.emplace(std::max(when, now_), std::move(event));
    }
    void after(Millis wait, std::function<void()> event) { at(now_ + wait, std::move(event)); }

    /// When the next event happens.
    std::optional<SysTime> next() const {
        return events_.empty() ? std::nullopt : std::optional(events_.begin()->first);
    }
    /// How many happen now.
    std::size_t due() const {
        return static_cast<std::size_t>(std::distance(events_.begin(), events_.upper_bound(now_)));
    }
    /// Makes the nth of those happen.
    void happen(std::size_t nth) {
        const auto chosen = std::next(events_.begin(), static_cast<std::ptrdiff_t>(nth));
        const auto event = std::move(chosen->second);
        events_.erase(chosen);
        event();
    }
    void set(SysTime now) { now_ = std::max(now_, now); }

  private:
    SysTime now_;
    std::multimap<SysTime, std::function<void()>> events_;
};

/// The clock of one machine: it goes as fast as the others, and is wrong.
class SkewedClock final : public Clock {
  public:
    SkewedClock(SimClock& clock, Millis skew) : clock_(clock), skew_(skew) {}
    SysTime now() const override { return clock_.now() + skew_; }
    Task<void> sleep_until(SysTime when) override { return clock_.sleep_until(when - skew_); }

  private:
    SimClock& clock_;
    const Millis skew_;
};

/// A wait that can be ended early.
class SimAlarm {
  public:
    explicit SimAlarm(SimClock& clock) : clock_(clock) {}
    /// Until then, or until `ring`; at once where it rang before.
    Task<void> wait_until(SysTime when) {
        if (!std::exchange(rang_, false)) {
            co_await SimLoop::wait([this, when](SimLoop::Wake wake) {
                wake_ = wake;
                clock_.at(when, wake);
            });
        }
        rang_ = false;
        wake_.reset();
    }
    void ring() {
        rang_ = true;
        if (wake_) (*wake_)();
    }

  private:
    SimClock& clock_;
    std::optional<SimLoop::Wake> wake_;
    bool rang_ = false;
};

}  // namespace relevo
