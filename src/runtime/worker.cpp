#include "runtime/worker.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>

#include "core/log.hpp"
#include "core/trace.hpp"
#include "runtime/dead_letter.hpp"

namespace relevo {
namespace {

namespace asio = boost::asio;

constexpr Millis commit_every{200};  // what a crash makes us read again
constexpr Millis report_every{1'000};
constexpr Millis park_for{30'000};  // how long a record rests whose in-lane retries were in vain

// Runs `effect` and gives its failure as a value, so that the caller may await what follows from it.
Task<std::optional<Error>> guarded(Task<void> effect) {
    try {
        co_await std::move(effect);
        co_return std::nullopt;
    } catch (const Failure& failure) {
        co_return failure.error();
    } catch (const boost::system::system_error& error) {
        const bool cancelled = error.code() == asio::error::operation_aborted;
        co_return Error{cancelled ? Fault::transient : Fault::permanent,
                        cancelled ? "stage.cancelled" : "stage.bug", error.what()};
    } catch (const std::exception& error) {
        co_return Error{Fault::permanent, "stage.bug", error.what()};
    }
}

}  // namespace

struct Worker::Job {
    Work work;
    SysTime started;
    SysTime attempt_started{};
    bool handling = false;   // in an attempt, rather than waiting for the next one
    bool stuck = false;      // cancelled by the watchdog
    bool abandoned = false;  // asked to end because its partition goes or the worker stops
    bool cut = false;        // abandoned, and whatever it does is cancelled
    asio::cancellation_signal cancel;
    StageMetrics::Outcome outcome = StageMetrics::Outcome::emit;
    std::string reason;
    std::vector<Record> emitted;  // kept for an observer

    bool over() const { return abandoned || Lanes::is_over(work); }
};

Worker::Worker(const StageSpec& spec, int number, WorkerParts parts, Grace grace)
    : spec_(spec),
      number_(number),
      parts_(std::move(parts)),
      grace_(grace),
      lanes_(spec.lane, spec.running) {}

Worker::~Worker() = default;

bool Worker::has_room() const {
    return lanes_.records() < spec_.max_records && lanes_.bytes() < spec_.max_bytes;
}

Task<void> Worker::run() {
    executor_ = co_await asio::this_coro::executor;
    log_info("worker.started", {{"stage", spec_.name}, {"worker", number_}, {"group", spec_.group}});
    std::exception_ptr broken;
    try {
        co_await turn_until_stopped();
    } catch (...) {
        broken = std::current_exception();
        stopping_ = true;
    }
    co_await end_jobs(broken ? Millis{0} : grace_.stop, [](const Job&) { return true; });
    if (broken) std::rethrow_exception(broken);
    std::vector<Commit> last = commits();
    co_await parts_.source.close(std::move(last));
    log_info("worker.stopped", {{"stage", spec_.name}, {"worker", number_}});
}

Task<void> Worker::turn_until_stopped() {
    while (!stopping_) {
        SysTime now = parts_.clock.now();
        last_turn_.store(now, std::memory_order_relaxed);
        lanes_.close_due(now);
        // At the cap only a closed window makes room again.
        if (!has_room() && lanes_.running() == 0) lanes_.close_oldest();
        start_ready();
        Millis wait = commit_every;
        if (const auto next = lanes_.next_close()) wait = std::clamp(*next - now, Millis{0}, wait);
        SourceEvent event = co_await parts_.source.next(has_room(), wait);
        co_await serve(std::move(event));
        now = parts_.clock.now();
        commit(now);
        report(now);
    }
}

void Worker::stop() {
    stopping_ = true;
    parts_.source.wake();
}

Task<void> Worker::serve(SourceEvent event) {
    if (auto* fetched = std::get_if<Fetched>(&event)) {
        const bool burst = spec_.lane == Lanes::Policy::burst;
        for (auto& record : fetched->records) {
            const BurstPolicy window = burst ? parts_.stage.window(record) : BurstPolicy{};
            lanes_.add(std::move(record), window);
        }
    } else if (auto* end = std::get_if<ReachedEnd>(&event)) {
        lanes_.reached_end(end->partition);
    } else if (auto* assigned = std::get_if<Assigned>(&event)) {
        for (const auto partition : assigned->partitions) lanes_.assign(partition);
        log_info("partitions.assigned", {{"stage", spec_.name}, {"count", assigned->partitions.size()}});
    } else if (auto* revoked = std::get_if<Revoked>(&event)) {
        co_await revoke(std::move(*revoked));
    }
}

Task<void> Worker::revoke(Revoked revoked) {
    log_info("partitions.revoked",
             {{"stage", spec_.name}, {"count", revoked.partitions.size()}, {"lost", revoked.lost}});
    const auto concerned = [partitions = revoked.partitions](const Job& job) {
        const auto partition = job.work.records.front().partition;
        return std::find(partitions.begin(), partitions.end(), partition) != partitions.end();
    };
    for (const auto partition : revoked.partitions) lanes_.retire(partition);
    if (!revoked.lost) co_await end_jobs(grace_.revoke, concerned);
    std::vector<Commit> last = revoked.lost ? std::vector<Commit>{} : commits(&revoked.partitions);
    for (const auto partition : revoked.partitions) {
        lanes_.revoke(partition);
        committed_.erase(partition);
    }
    for (const auto& job : jobs_) {
        if (concerned(*job)) job->cancel.emit(asio::cancellation_type::terminal);
    }
    co_await parts_.source.release(std::move(revoked), std::move(last));
}

// Lets what has begun end, until `grace` is over. Who only waits is cancelled at once: for the next attempt, or in a
// handler for its moment (Relay's spacing), which is why that accepts partial cancellation.
Task<void> Worker::end_jobs(Millis grace, std::function<bool(const Job&)> concerned) {
    constexpr Millis look_every{10};
    constexpr Millis unwind{1'000};  // a cancelled handler needs a turn or two of the loop
    const SysTime asked = parts_.clock.now();
    const auto any = [&] {
        return std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& job) { return concerned(*job); });
    };
    while (any() && parts_.clock.now() < asked + grace + unwind) {
        const bool late = parts_.clock.now() >= asked + grace;
        for (const auto& job : std::vector(jobs_.begin(), jobs_.end())) {
            const bool cut = late || !job->handling;
            if (!concerned(*job) || job->cut || (job->abandoned && !cut)) continue;
            job->abandoned = true;
            job->cut = cut;
            job->cancel.emit(cut ? asio::cancellation_type::terminal : asio::cancellation_type::partial);
        }
        co_await parts_.clock.sleep_until(parts_.clock.now() + look_every);
    }
}

void Worker::start_ready() {
    while (!stopping_) {
        auto work = lanes_.take();
        if (!work) return;
        auto job = std::make_shared<Job>();
        job->work = std::move(*work);
        job->started = parts_.clock.now();
        jobs_.push_back(job);
        asio::co_spawn(executor_, run_job(job),
                       asio::bind_cancellation_slot(job->cancel.slot(), [job](std::exception_ptr failure) {
                           if (failure) std::rethrow_exception(failure);
                       }));
    }
}

Task<void> Worker::run_job(std::shared_ptr<Job> job) {
    const auto place = std::find(jobs_.rbegin(), jobs_.rend(), job);
    const auto self = std::prev(place.base());
    std::optional<Error> dead;
    bool ask_stage = true;
    const bool parkable = spec_.input != timers_input;  // a timer is a parked record already
    for (int attempt = 1;; ++attempt) {
        job->attempt_started = parts_.clock.now();
        job->handling = true;
        Task<void> effect = dead ? surrender(*job, *dead, attempt - 1, ask_stage) : perform(*job);
        std::optional<Error> error = co_await guarded(std::move(effect));
        job->handling = false;
        const SysTime now = parts_.clock.now();
        parts_.metrics.took(now - job->attempt_started);
        if (!error && !Lanes::is_over(job->work)) {
            settle(*job);
            break;
        }
        if (job->over()) break;
        if (job->stuck) {
            co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
            job->stuck = false;
            error =
                Error{Fault::transient, "stage.stuck", "the handler ran past stuck_after and was cancelled"};
        }
        parts_.metrics.failed(error->code);
        parts_.metrics.settled(StageMetrics::Outcome::retry, job->work.records.size());
        log_warn("attempt.failed", {{"stage", spec_.name},
                                    {"code", error->code},
                                    {"text", error->text},
                                    {"attempt", attempt},
                                    {"partition", job->work.records.front().partition},
                                    {"offset", job->work.records.front().offset.value},
                                    {"trace", trace_id(job->work.records.front().headers.traceparent)}});
        if (error->fault == Fault::permanent) {
            if (dead) ask_stage = false;  // even giving up failed: the letter alone is left to write
            if (!dead) {
                dead = std::move(error);
                continue;
            }
        }
        const Millis wait = backoff(spec_.retry, attempt, error->retry_after, parts_.random);
        // Parking needs the store: while that is away it would let the next record of the lane overtake this one.
        const bool can_park = parkable && !dead && error->code != "postgres.unavailable";
        if (can_park && now - job->started + wait > spec_.retry.park_after) {
            const auto unparked = co_await guarded(park(*job, now + std::max(wait, park_for)));
            if (job->over()) break;
            if (!unparked) {
                job->outcome = StageMetrics::Outcome::park;
                job->reason = error->code;
                settle(*job);
                break;
            }
        }
        Task<void> rest = parts_.clock.sleep_until(now + std::min(wait, spec_.retry.park_after));
        co_await guarded(std::move(rest));
        if (job->over()) break;
    }
    const bool was_full = !has_room();
    lanes_.done(job->work);
    jobs_.erase(self);
    start_ready();
    if (was_full && has_room()) parts_.source.wake();
}

Task<void> Worker::perform(Job& job) {
    Outcome outcome = co_await parts_.stage.handle(job.work.records);
    co_await carry_out(job, std::move(outcome));
}

Task<void> Worker::surrender(Job& job, Error error, int attempts, bool ask_stage) {
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
    log_error("record.dead", {{"stage", spec_.name},
                              {"code", error.code},
                              {"text", error.text},
                              {"partition", job.work.records.front().partition},
                              {"offset", job.work.records.front().offset.value}});
}

Task<void> Worker::carry_out(Job& job, Outcome outcome) {
    job.reason.clear();
    job.emitted.clear();
    if (auto* emit = std::get_if<Emit>(&outcome)) {
        job.outcome = StageMetrics::Outcome::emit;
        if (emit->records.empty()) co_return;
        for (auto& record : emit->records) stamp(job, record);
        if (parts_.observer) job.emitted = emit->records;
        co_await parts_.sink.publish(std::move(emit->records));
    } else if (auto* drop = std::get_if<Drop>(&outcome)) {
        job.outcome = StageMetrics::Outcome::drop;
        job.reason = std::move(drop->reason);
    } else if (auto* parked = std::get_if<Park>(&outcome)) {
        job.outcome = StageMetrics::Outcome::park;
        job.reason = std::move(parked->reason);
        stamp(job, parked->timer.record);
        co_await parts_.timers.park(std::move(parked->timer));
    }
}

// Every record of the job as it came, each a timer of its own.
Task<void> Worker::park(Job& job, SysTime due) {
    for (const auto& record : job.work.records) {
        Timer timer{due, Record{std::string(record.topic), std::string(record.key), std::string(record.value),
                                record.headers}};
        co_await parts_.timers.park(std::move(timer));
    }
}

void Worker::stamp(const Job& job, Record& record) {
    const Headers& from = job.work.records.front().headers;
    Headers& headers = record.headers;
    const SysTime now = parts_.clock.now();
    if (headers.type.empty()) headers.type = "relevo." + record.topic + ".v1";
    if (headers.source.empty()) headers.source = "/relevo/" + spec_.name;
    if (headers.subject.empty()) headers.subject = record.key;
    if (headers.traceparent.empty()) headers.traceparent = child_traceparent(from.traceparent, parts_.random);
    if (headers.installation.empty()) {
        headers.installation = from.installation.empty() ? parts_.installation : from.installation;
    }
    if (!headers.time) headers.time = now;
    if (!headers.expires) headers.expires = from.expires ? from.expires : now + parts_.expires_after;
}

void Worker::settle(Job& job) {
    lanes_.settled(job.work);
    parts_.metrics.settled(job.outcome, job.work.records.size());
    if (job.outcome == StageMetrics::Outcome::drop) {
        parts_.metrics.dropped(job.reason);
        log_info("record.dropped", {{"stage", spec_.name},
                                    {"reason", job.reason},
                                    {"partition", job.work.records.front().partition},
                                    {"offset", job.work.records.front().offset.value},
                                    {"trace", trace_id(job.work.records.front().headers.traceparent)}});
    }
    observe(job);
}

void Worker::observe(const Job& job) const {
    if (!parts_.observer) return;
    static constexpr std::string_view names[] = {"emit", "drop", "park", "retry", "dead"};
    parts_.observer({spec_, job.work.records, names[static_cast<std::size_t>(job.outcome)], job.reason,
                     job.emitted, job.started, parts_.clock.now()});
}

void Worker::watch(SysTime now) {
    for (const auto& job : std::vector(jobs_.begin(), jobs_.end())) {
        if (!job->handling || job->stuck || now - job->attempt_started < spec_.stuck_after) continue;
        job->stuck = true;
        parts_.metrics.stuck();
        log_error("handler.stuck", {{"stage", spec_.name},
                                    {"seconds", (now - job->attempt_started).count() / 1'000},
                                    {"partition", job->work.records.front().partition},
                                    {"offset", job->work.records.front().offset.value}});
        job->cancel.emit(asio::cancellation_type::terminal);
    }
}

std::vector<Commit> Worker::commits(const std::vector<std::int32_t>* of) {
    std::vector<Commit> out;
    for (auto& [partition, offsets] : lanes_.progress()) {
        if (of && std::find(of->begin(), of->end(), partition) == of->end()) continue;
        const auto next = offsets.committable();
        if (!next) continue;
        const Commit commit{partition, *next, *offsets.dispatched()};
        const auto before = committed_.find(partition);
        if (before != committed_.end() && before->second.next == commit.next &&
            before->second.dispatched == commit.dispatched) {
            continue;
        }
        committed_[partition] = commit;
        out.push_back(commit);
    }
    return out;
}

void Worker::commit(SysTime now) {
    if (now - committed_at_ < commit_every) return;
    committed_at_ = now;
    const auto due = commits();
    if (!due.empty()) parts_.source.commit(due);
}

void Worker::report(SysTime now) {
    if (now - reported_at_ < report_every) return;
    reported_at_ = now;
    watch(now);
    const auto behind = parts_.source.behind();
    const auto oldest = lanes_.oldest_time();
    const double late = behind > 0 && oldest ? std::chrono::duration<double>(now - *oldest).count() : 0;
    parts_.metrics.gauges(number_, lanes_.running(), behind, lanes_.records(), std::max(0.0, late));
}

}  // namespace relevo
