#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/random.hpp"
#include "tests/simulation/sim_clock.hpp"
#include "tests/simulation/sim_trace.hpp"

namespace relevo {

/// How often what goes wrong; each a probability per call.
struct SimRates {
    double store_refuses = 0;      ///< the database is away: nothing happened
    double store_loses_reply = 0;  ///< it happened, and the connection broke before we heard of it
    double sink_refuses = 0;
    double sink_writes_half = 0;
    double sink_loses_reply = 0;
    double commit_lost = 0;  ///< of offsets; nobody hears of it
    double source_pauses = 0;
    double model_fails = 0;
    double model_gives_up = 0;    ///< permanent
    double model_hangs = 0;       ///< it never answers
    double provider_refuses = 0;  ///< the pair limit: try again later
    double provider_rejects = 0;  ///< for good
    double provider_breaks = 0;   ///< 5xx in the provider's own words
    double provider_garbles =
        0;  ///< a page that is not the provider's answer; half of the sends were accepted
    double provider_hidden = 0;     ///< no connection
    double provider_times_out = 0;  ///< nobody knows; half of them were accepted
    double provider_loses_receipt = 0;
    double provider_fails_later = 0;  ///< a receipt says that it never arrived
    double receipt_twice = 0;
    double webhook_twice = 0;  ///< sent again although it was answered 200
    Millis longest_call{3};    ///< of store and log
    Millis longest_commit{0};  ///< of offsets
    Millis longest_send{400};
    Millis longest_model{2'000};
    Millis longest_receipt{0};  ///< after settings.receipt_after: receipts overtake one another
};

/// What goes wrong in one process, and where it dies. What others still do for a process that is dead holds
/// it.
class SimFaults {
  public:
    SimFaults(int number, SimClock& clock, SimTrace& its_trace, const SimRates& rates, std::uint64_t seed)
        : process(number), trace(its_trace), clock_(clock), rates_(rates), random_(seed) {}

    const int process;
    SimTrace& trace;
    std::function<bool(const std::string& point)> crash;

    SimClock& clock() { return clock_; }
    const SimRates& rates() const { return rates_; }
    bool happens(double probability) { return probability > 0 && random_.uniform() < probability; }
    SeededRandom& random() { return random_; }
    Millis up_to(Millis longest) {
        return Millis{static_cast<std::int64_t>(
            longest.count() > 0 ? random_.below(static_cast<std::uint64_t>(longest.count()) + 1) : 0)};
    }

    /// Takes up to `longest`.
    Task<void> latency(Millis longest) { co_await clock_.sleep_until(clock_.now() + up_to(longest)); }
    /// A place at which the process may die: asked by its name, `crash` says whether it does.
    bool dies_at(const std::string& point) {
        if (doomed_ || !crash || !crash(point)) return doomed_;
        trace.tell(process, "dies at {}", point);
        doomed_ = true;
        return true;
    }
    /// The same for a coroutine: nothing after it runs.
    Task<void> point(std::string name) {
        if (dies_at(name)) co_await SimLoop::wait([](SimLoop::Wake) {});
    }
    bool doomed() const { return doomed_; }
    void bury() { doomed_ = true; }

  private:
    SimClock& clock_;
    const SimRates& rates_;
    SeededRandom random_;
    bool doomed_ = false;
};

}  // namespace relevo
