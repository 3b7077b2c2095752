#include "runtime/worker.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>

#include "core/log.hpp"

namespace relevo {
namespace {

constexpr Millis commit_every{200};  // what a crash makes us read again
constexpr Millis report_every{1'000};
constexpr Millis obey_every{200};  // all jobs are looked at while there is a pause

}  // namespace

Worker::Worker(const StageSpec& spec, int number, WorkerParts parts, Grace grace)
    : spec_(spec),
      number_(number),
      parts_(std::move(parts)),
      grace_(grace),
      lanes_(spec.lane, spec.limits),
      jobs_(spec, parts_, lanes_) {}

Worker::~Worker() = default;

Task<void> Worker::run() {
    log_info("worker.started", {{"stage", spec_.name}, {"worker", number_}, {"group", spec_.group}});
    std::exception_ptr broken;
    try {
        co_await turn_until_stopped();
    } catch (...) {
        broken = std::current_exception();
        stop();
    }
    co_await jobs_.end(broken ? Millis{0} : grace_.stop, [](const WorkRecords&) { return true; });
    if (broken) std::rethrow_exception(broken);
    std::vector<Commit> last = commits();
    co_await parts_.source.close(std::move(last));
    log_info("worker.stopped", {{"stage", spec_.name}, {"worker", number_}});
}

Task<void> Worker::turn_until_stopped() {
    const auto executor = co_await boost::asio::this_coro::executor;
    while (!stopping_) {
        SysTime now = parts_.clock.now();
        last_turn_.store(now, std::memory_order_relaxed);
        obey_pauses(now);
        lanes_.close_due(now);
        // At the cap only a closed window makes room again.
        if (!lanes_.has_room() && lanes_.running() == 0 && !pause_->all) lanes_.close_oldest();
        jobs_.start_ready(executor);
        Millis wait = commit_every;
        if (const auto next = lanes_.next_close()) wait = std::clamp(*next - now, Millis{0}, wait);
        SourceEvent event = co_await parts_.source.next(lanes_.has_room() && !pause_->all, wait);
        co_await serve(std::move(event));
        now = parts_.clock.now();
        commit(now);
        report(now);
    }
}

void Worker::stop() {
    stopping_ = true;
    jobs_.stop();
    parts_.source.wake();
}

void Worker::obey_pauses(SysTime now) {
    if (!parts_.pauses) return;
    auto pause = parts_.pauses->of(spec_.name);
    const bool same = pause->all == pause_->all && pause->tenants == pause_->tenants;
    if (same && now - obeyed_at_ < obey_every) return;
    obeyed_at_ = now;
    if (!same) {
        log_info("pauses.changed",
                 {{"stage", spec_.name}, {"all", pause->all}, {"tenants", pause->tenants.size()}});
    }
    pause_ = std::move(pause);
    jobs_.obey(pause_);
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
    const auto concerned = [partitions = revoked.partitions](const WorkRecords& records) {
        const auto partition = records.front().partition;
        return std::find(partitions.begin(), partitions.end(), partition) != partitions.end();
    };
    for (const auto partition : revoked.partitions) lanes_.retire(partition);
    if (!revoked.lost) co_await jobs_.end(grace_.revoke, concerned);
    std::vector<Commit> last = revoked.lost ? std::vector<Commit>{} : commits(&revoked.partitions);
    for (const auto partition : revoked.partitions) {
        lanes_.revoke(partition);
        committed_.erase(partition);
    }
    jobs_.cancel(concerned);
    co_await parts_.source.release(std::move(revoked), std::move(last));
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
    if (due.empty()) return;
    parts_.source.commit(due);
    for (Observer* observer : parts_.observers) observer->committed(spec_, due);
}

void Worker::report(SysTime now) {
    if (now - reported_at_ < report_every) return;
    reported_at_ = now;
    jobs_.cancel_stuck(now);
    const auto behind = parts_.source.behind();
    const auto oldest = lanes_.oldest_time();
    const double late = behind > 0 && oldest ? std::chrono::duration<double>(now - *oldest).count() : 0;
    parts_.metrics.paused(pause_->all, pause_->tenants.size());
    parts_.metrics.gauges(number_, lanes_.running(), behind, lanes_.records(), std::max(0.0, late));
}

}  // namespace relevo
