#pragma once

#include <atomic>
#include <optional>
#include <unordered_map>
#include <vector>

#include "runtime/jobs.hpp"

namespace relevo {

/// Runs one stage as one member of its group, on one thread: source → lanes → stage → sink → offsets. Records
/// are published before their input is settled; transient faults are tried again in their lane, then parked;
/// permanent ones become dead letters. At the caps it stops taking records and the log waits.
class Worker {
  public:
    /// How long running handlers may take to end when partitions are revoked, and when the worker stops.
    struct Grace {
        Millis revoke{5'000};
        Millis stop{6'000};  ///< a process has ten seconds, its last commits included
    };

    Worker(const StageSpec& spec, int number, WorkerParts parts, Grace grace);
    Worker(const StageSpec& spec, int number, WorkerParts parts)
        : Worker(spec, number, std::move(parts), Grace{}) {}
    ~Worker();

    /// Until `stop`, and then until what runs has ended and the last offsets are committed.
    Task<void> run();
    /// Takes no more records; from the worker's thread.
    void stop();
    /// For a stage that takes bursts: keeps one record as a dead letter while the others of its burst go on.
    /// The record is one that it is handling.
    Task<void> set_aside(const Envelope& record, Error error) {
        return jobs_.set_aside(record, std::move(error));
    }
    /// When the worker last went through its loop: it is stuck when that is long ago. Safe from any thread.
    SysTime last_turn() const { return last_turn_.load(std::memory_order_relaxed); }

  private:
    Task<void> turn_until_stopped();
    void obey_pauses(SysTime now);
    Task<void> serve(SourceEvent event);
    Task<void> revoke(Revoked revoked);
    void commit(SysTime now);
    std::vector<Commit> commits(const std::vector<std::int32_t>* of = nullptr);
    void report(SysTime now);

    const StageSpec& spec_;
    const int number_;
    WorkerParts parts_;
    const Grace grace_;
    Lanes lanes_;
    Jobs jobs_;
    std::unordered_map<std::int32_t, Commit> committed_;
    SysTime committed_at_{};
    SysTime reported_at_{};
    SysTime obeyed_at_{};
    std::atomic<SysTime> last_turn_{};
    std::shared_ptr<const StagePause> pause_ = std::make_shared<const StagePause>();
    bool stopping_ = false;
};

}  // namespace relevo
