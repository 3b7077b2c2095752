#include "runtime/jobs.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>

#include "core/log.hpp"
#include "core/trace.hpp"
#include "runtime/current_error.hpp"
#include "runtime/dead_letter.hpp"
#include "runtime/job.hpp"
#include "runtime/record_log.hpp"

namespace relevo {
namespace {

namespace asio = boost::asio;

constexpr Millis park_for{30'000};  // how long a record rests whose in-lane retries were in vain

// Who was cancelled may await again.
auto uncancelled() {
    return asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
}

// Runs `effect` and gives its failure as a value, so that the caller may await what follows from it.
Task<std::optional<Error>> guarded(Task<void> effect) {
    try {
        co_await std::move(effect);
    } catch (...) {
        co_return current_error();
    }
    co_return std::nullopt;
}

}  // namespace

Jobs::Jobs(const StageSpec& spec, WorkerParts& parts, Lanes& lanes)
    : spec_(spec), parts_(parts), lanes_(lanes) {}

Jobs::~Jobs() = default;

template <class Run>
void Jobs::spawn(Run run) {
    auto signal = std::make_shared<Signal>();
    const auto slot = signal->slot();
    asio::co_spawn(executor_, run(signal),
                   asio::bind_cancellation_slot(slot, [signal](std::exception_ptr failure) {
                       if (failure) std::rethrow_exception(failure);
                   }));
}

void Jobs::start_ready(asio::any_io_executor executor) {
    executor_ = std::move(executor);
    go_on();
}

// What is spawned runs until it waits for the first time, so that one coroutine serves all lanes whose
// handlers do not.
void Jobs::go_on() {
    while (auto work = take()) {
        spawn([&](SignalPtr signal) { return serve(std::move(*work), std::move(signal)); });
    }
    ++turn_;
}

std::optional<Work> Jobs::take() {
    return stopping_ || pause_->all ? std::nullopt : lanes_.take();
}

// Reports of the broker come by the hundred: the lanes that they free are served together.
void Jobs::go_on_soon() {
    if (std::exchange(goes_on_soon_, true)) return;
    asio::post(executor_, [this] {
        goes_on_soon_ = false;
        go_on();
    });
}

Jobs::Place Jobs::begin(Work work, const SignalPtr& signal) {
    if (spare_.empty()) spare_.emplace_back();
    jobs_.splice(jobs_.end(), spare_, spare_.begin());
    Job& job = jobs_.back();
    job.work = std::move(work);
    job.signal = signal;
    job.started = job.attempt_started = parts_.clock.now();
    job.handling = true;
    return std::prev(jobs_.end());
}

void Jobs::finish(Place job) {
    const bool was_full = !lanes_.has_room();
    if (job->paused && !job->settled && !Lanes::is_over(job->work)) {
        lanes_.put_back(std::move(job->work));
    } else {
        lanes_.done(job->work);
    }
    job->work = {};
    job->signal.reset();
    job->stuck = job->abandoned = job->cut = job->paused = job->settled = job->keeping = false;
    job->outcome = StageMetrics::Outcome::emit;
    job->reason.clear();
    job->emitted.clear();
    job->aside.clear();
    spare_.splice(spare_.begin(), jobs_, job);
    if (was_full && lanes_.has_room()) parts_.source.wake();
}

Task<void> Jobs::serve(Work first, SignalPtr signal) {
    const auto turn = turn_;
    std::optional<Work> work(std::move(first));
    for (; work; work = take()) {
        const Place job = begin(std::move(*work), signal);
        std::optional<Error> error;
        tell_observers(&Observer::taken, *job);
        try {
            job->keeping = pause_->has(job->first().key);
            if (job->keeping) {
                co_await keep(*job);
            } else {
                Outcome outcome = co_await parts_.stage.handle(job->work.records);
                tell_observers(&Observer::handled, *job);
                auto* emit = std::get_if<Emit>(&outcome);
                if (emit && !emit->records.empty()) {
                    append(job, std::move(emit->records));
                    if (turn_ != turn) co_return;
                    continue;
                }
                co_await carry_out(*job, std::move(outcome));
            }
        } catch (...) {
            error = current_error();
        }
        if (turn_ != turn) co_await uncancelled();
        co_await see_through(*job, std::move(error));
        finish(job);
        if (turn_ != turn) {
            go_on();
            co_return;
        }
    }
}

void Jobs::append(Place job, std::vector<Record> records) {
    const SysTime now = parts_.clock.now();
    for (auto& record : records) stamp(*job, record, now);
    if (!parts_.observers.empty()) job->emitted = records;
    job->signal.reset();
    parts_.sink.append(std::move(records),
                       [this, job](std::optional<Error> error) { appended(job, std::move(error)); });
}

void Jobs::appended(Place job, std::optional<Error> error) {
    if (error && !job->over()) {
        spawn([&](SignalPtr signal) { return recover(job, std::move(*error), std::move(signal)); });
        return;
    }
    parts_.metrics.took(parts_.clock.now() - job->attempt_started);
    if (!error) tell_observers(&Observer::published, *job);
    if (!error && !Lanes::is_over(job->work)) settle(*job);
    finish(job);
    go_on_soon();
}

Task<void> Jobs::recover(Place job, Error error, SignalPtr signal) {
    job->signal = std::move(signal);
    co_await see_through(*job, std::move(error));
    finish(job);
    go_on_soon();
}

// From the end of the first attempt: until the job is settled, or over. `error` is how that attempt failed.
Task<void> Jobs::see_through(Job& job, std::optional<Error> error) {
    std::optional<Error> dead;
    bool ask_stage = true;
    const bool parkable = spec_.input != timers_input;  // a timer is a parked record already
    for (int attempt = 1;; ++attempt) {
        job.handling = false;
        SysTime now = parts_.clock.now();
        parts_.metrics.took(now - job.attempt_started);
        if (!error && !Lanes::is_over(job.work)) {
            settle(job);
            co_return;
        }
        if (job.over()) co_return;
        if (job.stuck) {
            co_await uncancelled();
            job.stuck = false;
            error =
                Error{Fault::transient, "stage.stuck", "the handler ran past stuck_after and was cancelled"};
        }
        count_failure(job, *error, attempt);
        if (error->fault == Fault::permanent && !dead) {
            dead = std::move(error);
        } else {
            if (error->fault == Fault::permanent)
                ask_stage = false;  // even giving up failed: the letter is left
            const Millis wait = backoff(spec_.retry, attempt, error->retry_after, parts_.random);
            // Parking needs the store: while that is away it would let the next record of the lane overtake
            // this one.
            const bool can_park = parkable && !dead && error->code != "postgres.unavailable";
            if (can_park && now - job.started + wait > spec_.retry.park_after) {
                const auto unparked = co_await guarded(park(job, now + std::max(wait, park_for)));
                if (job.over()) co_return;
                if (!unparked) {
                    job.outcome = StageMetrics::Outcome::park;
                    job.reason = error->code;
                    settle(job);
                    co_return;
                }
            }
            co_await guarded(parts_.clock.sleep_until(now + std::min(wait, spec_.retry.park_after)));
            if (job.over()) co_return;
            now = parts_.clock.now();
        }
        job.attempt_started = now;
        job.handling = true;
        Task<void> effect = dead ? surrender(job, *dead, attempt, ask_stage) : perform(job);
        error = co_await guarded(std::move(effect));
    }
}

Task<void> Jobs::perform(Job& job) {
    job.keeping = pause_->has(job.first().key);
    if (job.keeping) {
        co_await keep(job);
        co_return;
    }
    Outcome outcome = co_await parts_.stage.handle(job.work.records);
    tell_observers(&Observer::handled, job);
    co_await carry_out(job, std::move(outcome));
}

Task<void> Jobs::surrender(Job& job, Error error, int attempts, bool ask_stage) {
    if (ask_stage) {
        Outcome outcome = co_await parts_.stage.give_up(job.work.records, error);
        co_await carry_out(job, std::move(outcome));
    }
    std::vector<DeadLetter> letters;
    for (const auto& record : job.work.records) {
        letters.push_back(make_dead_letter(record, spec_.name, error, attempts));
    }
    co_await parts_.dead_letters.bury(std::move(letters));
    job.outcome = StageMetrics::Outcome::dead;
    job.reason = error.code;
    log_dead(spec_.name, job.first(), error);
}

Task<void> Jobs::set_aside(const Envelope& record, Error error) {
    const auto has_it = [&](const Job& job) {
        const WorkRecords& records = job.work.records;
        return !records.empty() && &record >= records.data() && &record < records.data() + records.size();
    };
    const auto job = std::ranges::find_if(jobs_, has_it);
    if (job->has_aside(record)) co_return;
    std::vector<DeadLetter> letter{make_dead_letter(record, spec_.name, error, 1)};
    co_await parts_.dead_letters.bury(std::move(letter));
    job->aside.push_back(record.offset);
    log_dead(spec_.name, record, error);
}

Task<void> Jobs::carry_out(Job& job, Outcome outcome) {
    job.reason.clear();
    job.emitted.clear();
    if (auto* emit = std::get_if<Emit>(&outcome)) {
        job.outcome = StageMetrics::Outcome::emit;
        if (emit->records.empty()) co_return;
        for (auto& record : emit->records) stamp(job, record, parts_.clock.now());
        if (!parts_.observers.empty()) job.emitted = emit->records;
        co_await parts_.sink.publish(std::move(emit->records));
        tell_observers(&Observer::published, job);
    } else if (auto* drop = std::get_if<Drop>(&outcome)) {
        job.outcome = StageMetrics::Outcome::drop;
        job.reason = std::move(drop->reason);
    } else if (auto* parked = std::get_if<Park>(&outcome)) {
        job.outcome = StageMetrics::Outcome::park;
        job.reason = std::move(parked->reason);
        stamp(job, parked->timer.record, parts_.clock.now());
        co_await parts_.timers.park(std::move(parked->timer));
    }
}

// Every record of the job as it came, each a timer of its own.
Task<void> Jobs::park(Job& job, SysTime due) {
    for (const auto& record : job.work.records) {
        if (job.has_aside(record)) continue;
        Timer timer{due, Record{std::string(record.topic), std::string(record.key), std::string(record.value),
                                copy_of(record.headers)}};
        co_await parts_.timers.park(std::move(timer));
    }
}

Task<void> Jobs::keep(Job& job) {
    for (const auto& record : job.work.records) {
        if (job.has_aside(record)) continue;
        Record kept{std::string(record.topic), std::string(record.key), std::string(record.value),
                    copy_of(record.headers)};
        co_await parts_.pauses->keep(spec_.name, std::move(kept), parts_.clock.now());
    }
    job.outcome = StageMetrics::Outcome::park;
    job.reason = "tenant paused";
}

void Jobs::count_failure(const Job& job, const Error& error, int attempt) {
    parts_.metrics.failed(error.code);
    parts_.metrics.settled(StageMetrics::Outcome::retry, job.work.records.size());
    log_failed_attempt(spec_.name, job.first(), error, attempt);
}

void Jobs::stamp(const Job& job, Record& record, SysTime now) {
    const HeaderViews& from = job.first().headers;
    Headers& headers = record.headers;
    if (headers.type.empty()) headers.type = "relevo." + record.topic + ".v1";
    if (headers.source.empty()) headers.source = "/relevo/" + spec_.name;
    if (headers.subject.empty()) headers.subject = record.key;
    if (headers.traceparent.empty()) headers.traceparent = child_traceparent(from.traceparent, parts_.random);
    if (headers.installation.empty()) {
        headers.installation =
            from.installation.empty() ? std::string_view(parts_.installation) : from.installation;
    }
    if (!headers.time) headers.time = now;
    if (!headers.expires) headers.expires = from.expires ? from.expires : now + parts_.expires_after;
}

void Jobs::settle(Job& job) {
    lanes_.settled(job.work);
    job.settled = true;
    parts_.metrics.settled(job.outcome, job.work.records.size() - job.aside.size());
    parts_.metrics.settled(StageMetrics::Outcome::dead, job.aside.size());
    if (job.outcome == StageMetrics::Outcome::drop) {
        parts_.metrics.dropped(job.reason);
        log_dropped(spec_.name, job.first(), job.reason);
    }
    if (parts_.observers.empty()) return;
    static constexpr std::string_view names[] = {"emit", "drop", "park", "retry", "dead"};
    const Settlement settlement{
        spec_,       job.work.records,  names[static_cast<std::size_t>(job.outcome)], job.reason, job.emitted,
        job.started, parts_.clock.now()};
    for (Observer* observer : parts_.observers) observer->settled(settlement);
}

void Jobs::tell_observers(void (Observer::*step)(const StageSpec&, const WorkRecords&),
                          const Job& job) const {
    for (Observer* observer : parts_.observers) (observer->*step)(spec_, job.work.records);
}

}  // namespace relevo
