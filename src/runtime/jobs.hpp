#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/worker_parts.hpp"

namespace relevo {

/// The work that one worker has begun: what its lanes hand out goes through the stage, and what follows from
/// it is made durable before its offsets count as finished. Transient faults are tried again in their lane,
/// then parked; permanent ones become dead letters.
///
/// One coroutine serves lane after lane while handlers end without waiting; a handler that waits keeps its
/// coroutine, and the next lane gets another. While what a first attempt emits is being written, no coroutine
/// waits for it.
class Jobs {
  public:
    Jobs(const StageSpec& spec, WorkerParts& parts, Lanes& lanes);
    ~Jobs();

    /// Begins what the lanes have ready; goes on by itself with what becomes ready when a piece of work ends.
    void start_ready(boost::asio::any_io_executor executor);
    /// From here on nothing begins.
    void stop() { stopping_ = true; }
    /// What an operator has paused does not begin: a stage's work stays in its lanes, a tenant's is kept as
    /// timers. Who only waits goes back to its lane; what is being done ends.
    void obey(std::shared_ptr<const StagePause> pause);

    using Concerned = std::function<bool(const WorkRecords&)>;
    /// Lets what has begun end, until `grace` is over. Who only waits is cancelled at once: for the next
    /// attempt, or in a handler for its moment (Relay's spacing), which is why that accepts partial
    /// cancellation.
    Task<void> end(Millis grace, Concerned concerned);
    /// Cancels at once.
    void cancel(const Concerned& concerned);
    /// Cancels the handlers that run past `stuck_after`; they are tried again.
    void cancel_stuck(SysTime now);

    /// Keeps one record of a burst whose others go on as a dead letter. Asked again, in another attempt, it
    /// does nothing.
    Task<void> set_aside(const Envelope& record, Error error);

  private:
    struct Job;
    struct Signal;
    using SignalPtr = std::shared_ptr<Signal>;
    using Place = std::list<Job>::iterator;

    template <class Run>
    void spawn(Run run);
    Place begin(Work work, const SignalPtr& signal);
    void finish(Place job);
    std::optional<Work> take();
    void go_on();
    void go_on_soon();
    Task<void> serve(Work work, SignalPtr signal);
    void append(Place job, std::vector<Record> records);
    void appended(Place job, std::optional<Error> error);
    Task<void> recover(Place job, Error error, SignalPtr signal);
    Task<void> see_through(Job& job, std::optional<Error> error);
    Task<void> perform(Job& job);
    Task<void> keep(Job& job);
    Task<void> surrender(Job& job, Error error, int attempts, bool ask_stage);
    Task<void> carry_out(Job& job, Outcome outcome);
    Task<void> park(Job& job, SysTime due);
    void count_failure(const Job& job, const Error& error, int attempt);
    void stamp(const Job& job, Record& record, SysTime now);
    void tell_observers(void (Observer::*step)(const StageSpec&, const WorkRecords&), const Job& job) const;
    void settle(Job& job);
    void tell(boost::asio::cancellation_type type, const std::function<bool(Job&)>& which);

    const StageSpec& spec_;
    WorkerParts& parts_;
    Lanes& lanes_;
    boost::asio::any_io_executor executor_;
    std::list<Job> jobs_;
    std::list<Job> spare_;    // ended ones, to be used again
    std::uint64_t turn_ = 0;  // counts `go_on`: whoever sees it change has waited
    std::shared_ptr<const StagePause> pause_ = std::make_shared<const StagePause>();
    bool goes_on_soon_ = false;
    bool stopping_ = false;
};

}  // namespace relevo
