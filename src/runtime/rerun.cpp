#include "runtime/rerun.hpp"

#include "runtime/current_error.hpp"

namespace relevo {

Task<void> LogClock::sleep_until(SysTime when) {
    now_ = std::max(now_, when);
    co_return;
}

Reruns::Reruns(Stage& stage, LogClock& clock, Lanes::Policy policy, Tell tell)
    : stage_(stage), clock_(clock), policy_(policy), tell_(std::move(tell)), lanes_(policy, {}) {}

Task<bool> Reruns::add(Envelope record) {
    if (partition_ != record.partition) {
        partition_ = record.partition;
        lanes_.assign(record.partition);
    }
    const BurstPolicy window = policy_ == Lanes::Policy::burst ? stage_.window(record) : BurstPolicy{};
    lanes_.add(std::move(record), window);
    lanes_.close_due({});  // by the log's time
    if (!lanes_.has_room()) lanes_.close_oldest();
    co_return co_await run_ready();
}

Task<bool> Reruns::end_partition() {
    while (lanes_.close_oldest()) {
    }
    const bool more = co_await run_ready();
    if (partition_) lanes_.revoke(*partition_);
    partition_.reset();
    co_return more;
}

Task<bool> Reruns::run_ready() {
    while (auto work = lanes_.take()) {
        const bool more = co_await run(work->records);
        lanes_.settled(*work);
        lanes_.done(*work);
        if (!more) co_return false;
    }
    co_return true;
}

Task<bool> Reruns::run(const WorkRecords& records) {
    clock_.set(records.back().appended);
    Rerun rerun{records, {}, {}, {}};
    try {
        rerun.outcome = co_await stage_.handle(records);
    } catch (...) {
        rerun.error = current_error();
    }
    if (rerun.error && rerun.error->fault == Fault::permanent) {
        try {
            rerun.gave_up = co_await stage_.give_up(records, *rerun.error);
        } catch (...) {
            rerun.gave_up.reset();  // the letter is what is left
        }
    }
    co_return tell_(rerun);
}

}  // namespace relevo
