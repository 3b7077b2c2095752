#include <algorithm>

#include "core/log.hpp"
#include "runtime/job.hpp"

namespace relevo {

namespace asio = boost::asio;

// Several jobs may have one signal; whoever hears it may end at once, so first all are found, then all are
// told.
void Jobs::tell(asio::cancellation_type type, const std::function<bool(Job&)>& which) {
    std::vector<SignalPtr> signals;
    for (Job& job : jobs_) {
        if (which(job) && job.signal) signals.push_back(job.signal);
    }
    for (const auto& signal : signals) signal->emit(type);
}

void Jobs::obey(std::shared_ptr<const StagePause> pause) {
    pause_ = std::move(pause);
    if (!pause_->all && pause_->tenants.empty()) return;
    const auto told = [&](bool handling) {
        return [this, handling](Job& job) {
            if (job.handling != handling || job.abandoned || Lanes::is_over(job.work)) return false;
            // A tenant's job that is being kept waits out its back-off; begun again it would not. Nor would
            // it know which of its records are dead letters already.
            if (!pause_->all && (job.keeping || !job.aside.empty())) return false;
            return job.paused = pause_->all || pause_->has(job.first().key);
        };
    };
    // As `end` does: who waits for the next attempt is cut, a handler ends if it waits for its moment. Asked
    // again and again, because one that is busy now may wait then.
    tell(asio::cancellation_type::terminal, told(false));
    tell(asio::cancellation_type::partial, told(true));
}

Task<void> Jobs::end(Millis grace, Concerned concerned) {
    constexpr Millis look_every{10};
    constexpr Millis unwind{1'000};  // a cancelled handler needs a turn or two of the loop
    const SysTime asked = parts_.clock.now();
    bool late = false;  // from then on the broker is not waited for
    const auto any = [&] {
        return std::any_of(jobs_.begin(), jobs_.end(), [&](const Job& job) {
            return concerned(job.work.records) && (job.signal || !late);
        });
    };
    while (any() && parts_.clock.now() < asked + grace + unwind) {
        late = parts_.clock.now() >= asked + grace;
        const auto is_waiting = [&](const Job& job) { return late || !job.handling; };
        tell(asio::cancellation_type::terminal, [&](Job& job) {
            if (job.cut || !is_waiting(job) || !concerned(job.work.records)) return false;
            return job.abandoned = job.cut = true;
        });
        tell(asio::cancellation_type::partial, [&](Job& job) {
            if (job.abandoned || !concerned(job.work.records)) return false;
            return job.abandoned = true;
        });
        co_await parts_.clock.sleep_until(parts_.clock.now() + look_every);
    }
}

void Jobs::cancel(const Concerned& concerned) {
    tell(asio::cancellation_type::terminal, [&](Job& job) { return concerned(job.work.records); });
}

void Jobs::cancel_stuck(SysTime now) {
    tell(asio::cancellation_type::terminal, [&](Job& job) {
        if (!job.handling || !job.signal || job.stuck || now - job.attempt_started < spec_.stuck_after)
            return false;
        parts_.metrics.stuck();
        log_error("handler.stuck", {{"stage", spec_.name},
                                    {"seconds", (now - job.attempt_started).count() / 1'000},
                                    {"partition", job.first().partition},
                                    {"offset", job.first().offset.value}});
        return job.stuck = true;
    });
}

}  // namespace relevo
