#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"
#include "runtime/lanes.hpp"
#include "runtime/metrics.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/sink.hpp"
#include "runtime/source.hpp"

namespace relevo {

/// A piece of work that was settled, or tried in vain: for whoever watches the path of a message.
struct Settlement {
    const StageSpec& stage;
    const std::vector<Envelope>& records;
    std::string_view outcome;  ///< emit, drop, park, retry, dead
    std::string_view reason;   ///< of a drop or park, the code of an error, or ""
    const std::vector<Record>& emitted;
    SysTime started;
    SysTime ended;
};
using Observer = std::function<void(const Settlement&)>;

/// What a worker works with; all of it outlives the worker.
struct WorkerParts {
    Stage& stage;
    Source& source;
    Sink& sink;
    Timers& timers;
    DeadLetters& dead_letters;
    Clock& clock;
    Random& random;
    StageMetrics& metrics;
    std::string installation;  ///< stamped on every record
    Millis expires_after{std::chrono::hours(24)};
    Observer observer{};
};

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
    /// When the worker last went through its loop: it is stuck when that is long ago. Safe from any thread.
    SysTime last_turn() const { return last_turn_.load(std::memory_order_relaxed); }

  private:
    struct Job;

    Task<void> turn_until_stopped();
    Task<void> serve(SourceEvent event);
    Task<void> revoke(Revoked revoked);
    Task<void> end_jobs(Millis grace, std::function<bool(const Job&)> concerned);
    void start_ready();
    Task<void> run_job(std::shared_ptr<Job> job);
    Task<void> perform(Job& job);
    Task<void> surrender(Job& job, Error error, int attempts, bool ask_stage);
    Task<void> carry_out(Job& job, Outcome outcome);
    Task<void> park(Job& job, SysTime due);
    void stamp(const Job& job, Record& record);
    void settle(Job& job);
    void observe(const Job& job) const;
    bool has_room() const;
    void watch(SysTime now);
    void commit(SysTime now);
    std::vector<Commit> commits(const std::vector<std::int32_t>* of = nullptr);
    void report(SysTime now);

    const StageSpec& spec_;
    const int number_;
    WorkerParts parts_;
    const Grace grace_;
    Lanes lanes_;
    boost::asio::any_io_executor executor_;
    std::list<std::shared_ptr<Job>> jobs_;
    std::unordered_map<std::int32_t, Commit> committed_;
    SysTime committed_at_{};
    SysTime reported_at_{};
    std::atomic<SysTime> last_turn_{};
    bool stopping_ = false;
};

}  // namespace relevo
