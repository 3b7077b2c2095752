#pragma once

#include <boost/asio/io_context.hpp>

#include <functional>
#include <string>

#include "core/random.hpp"
#include "tests/simulation/sim_clock.hpp"

namespace relevo {

/// How often what goes wrong; each a probability per call.
struct SimRates {
    double store_refuses = 0;      ///< the database is away: nothing happened
    double store_loses_reply = 0;  ///< it happened, and the connection broke before we heard of it
    double sink_refuses = 0;
    double sink_writes_half = 0;
    double model_fails = 0;
    double model_gives_up = 0;      ///< permanent
    double provider_refuses = 0;    ///< the pair limit: try again later
    double provider_times_out = 0;  ///< nobody knows; half of them were accepted
    double provider_loses_receipt = 0;
    Millis longest_call{3};  ///< of store and log
    Millis longest_send{400};
    Millis longest_model{2'000};
};

/// What goes wrong in one process, and where it dies.
class SimFaults {
  public:
    SimFaults(SimClock& clock, SeededRandom& random, const SimRates& rates, boost::asio::io_context& io)
        : clock_(clock), random_(random), rates_(rates), io_(io) {}

    const SimRates& rates() const { return rates_; }
    bool happens(double probability) { return probability > 0 && random_.uniform() < probability; }
    SeededRandom& random() { return random_; }

    /// Takes up to `longest`.
    Task<void> latency(Millis longest) {
        const auto wait = random_.below(static_cast<std::uint64_t>(longest.count()) + 1);
        co_await clock_.sleep_until(clock_.now() + Millis{static_cast<std::int64_t>(wait)});
    }
    /// A place at which the process may die: asked by its name, `crash` says whether it does. Nothing after
    /// it runs.
    Task<void> point(std::string name) {
        if (!crash || !crash(name)) co_return;
        doomed_ = true;
        io_.stop();
        boost::asio::steady_timer never(io_, boost::asio::steady_timer::time_point::max());
        co_await never.async_wait(boost::asio::use_awaitable);
    }
    bool doomed() const { return doomed_; }

    std::function<bool(const std::string& point)> crash;

  private:
    SimClock& clock_;
    SeededRandom& random_;
    const SimRates& rates_;
    boost::asio::io_context& io_;
    bool doomed_ = false;
};

}  // namespace relevo
