#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "core/clock.hpp"

namespace relevo {

/// Virtual time: it stands still until somebody moves it on. Events of one moment happen in the order in
/// which they were asked for, so that a seed repeats itself.
class SimClock final : public Clock {
    using Events = std::multimap<SysTime, std::function<void()>>;
    struct Sleeper;

  public:
    explicit SimClock(SysTime start = from_millis(1'700'000'000'000)) : now_(start) {}

    SysTime now() const override { return now_; }

    Task<void> sleep_until(SysTime when) override;

    /// Calls `event` when the time has come.
    void at(SysTime when, std::function<void()> event) {
        events_.emplace(std::max(when, now_), std::move(event));
    }
    void after(Millis wait, std::function<void()> event) { at(now_ + wait, std::move(event)); }

    /// When the next event happens.
    std::optional<SysTime> next() const {
        return events_.empty() ? std::nullopt : std::optional(events_.begin()->first);
    }
    /// Moves on to the moment of the next event and makes all of that moment happen.
    void advance() {
        now_ = std::max(now_, events_.begin()->first);
        while (!events_.empty() && events_.begin()->first <= now_) {
            auto event = std::move(events_.begin()->second);
            events_.erase(events_.begin());
            event();
        }
    }
    void set(SysTime now) { now_ = std::max(now_, now); }

    class Alarm;

  private:
    SysTime now_;
    Events events_;
};

// Lives in the frame of the coroutine that sleeps: a process that is destroyed takes its sleepers with it.
struct SimClock::Sleeper {
    Sleeper(SimClock& its_clock, const boost::asio::any_io_executor& executor, SysTime when)
        : clock(its_clock),
          timer(executor, boost::asio::steady_timer::time_point::max()),
          place(clock.events_.emplace(std::max(when, clock.now_), [this] {
              listed = false;
              wake();
          })) {}
    ~Sleeper() {
        if (listed) clock.events_.erase(place);
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;
    void wake() {
        woken = true;
        timer.cancel();
    }

    SimClock& clock;
    boost::asio::steady_timer timer;
    bool woken = false;
    bool listed = true;
    Events::iterator place;
};

/// A wait that can be ended early.
class SimClock::Alarm {
  public:
    explicit Alarm(SimClock& clock) : clock_(clock) {}
    /// Until then, or until `ring`; at once where it rang before.
    Task<void> wait_until(SysTime when) {
        Sleeper sleeper(clock_, co_await boost::asio::this_coro::executor,
                        std::exchange(rang_, false) ? clock_.now() : when);
        sleeping_ = &sleeper;
        boost::system::error_code ended;
        co_await sleeper.timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ended));
        sleeping_ = nullptr;
        rang_ = false;
    }
    void ring() {
        rang_ = true;
        if (sleeping_) sleeping_->wake();
    }

  private:
    SimClock& clock_;
    SimClock::Sleeper* sleeping_ = nullptr;
    bool rang_ = false;
};

inline Task<void> SimClock::sleep_until(SysTime when) {
    Sleeper sleeper(*this, co_await boost::asio::this_coro::executor, when);
    boost::system::error_code ended;
    co_await sleeper.timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ended));
    if (!sleeper.woken) throw boost::system::system_error(boost::asio::error::operation_aborted);
}

}  // namespace relevo
