#pragma once

#include <boost/asio/cancellation_signal.hpp>

#include <algorithm>

#include "runtime/jobs.hpp"

// Shared by the .cpp files of Jobs only.

namespace relevo {

// Ends one coroutine's waiting.
struct Jobs::Signal : boost::asio::cancellation_signal {};

struct Jobs::Job {
    Work work;
    SignalPtr signal;  // of the coroutine that serves it; none while its records are being written
    SysTime started;
    SysTime attempt_started{};
    bool handling = false;   // in an attempt, rather than waiting for the next one
    bool stuck = false;      // cancelled by the watchdog
    bool abandoned = false;  // asked to end because its partition goes or the worker stops
    bool cut = false;        // abandoned, and whatever it does is cancelled
    bool paused = false;     // asked to end because of a pause; unless it is settled by then, it comes again
    bool settled = false;
    bool keeping = false;  // its last attempt was to keep it for a paused tenant
    StageMetrics::Outcome outcome = StageMetrics::Outcome::emit;
    std::string reason;
    std::vector<Record> emitted;  // kept for an observer
    std::vector<Offset> aside;    // of its records, dead letters already

    bool over() const { return abandoned || paused || Lanes::is_over(work); }
    bool has_aside(const Envelope& record) const {
        return std::find(aside.begin(), aside.end(), record.offset) != aside.end();
    }
    const Envelope& first() const { return work.records.front(); }
};

}  // namespace relevo
