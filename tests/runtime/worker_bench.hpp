#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "runtime/worker.hpp"
#include "tests/runtime/envelopes.hpp"
#include "tests/simulation/sim_clock.hpp"

namespace relevo {

using Journal = std::vector<std::string>;

/// Says what a test tells it to say, and notes what it is told.
class ScriptedSource final : public Source {
  public:
    ScriptedSource(SimClock& clock, Journal& journal) : clock_(clock), journal_(journal), alarm_(clock) {}

    void push(SourceEvent event) {
        events_.push_back(std::move(event));
        alarm_.ring();
    }
    std::size_t waiting() const { return events_.size(); }
    Millis release_takes{0};
    bool broken = false;

    Task<SourceEvent> next(bool want_records, Millis wait) override {
        if (const auto found = find(want_records); found == events_.end()) {
            co_await alarm_.wait_until(clock_.now() + wait);
        } else {
            co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
        }
        if (broken) throw Failure({Fault::permanent, "kafka.fatal", "the source is broken"});
        const auto found = find(want_records);
        if (found == events_.end()) co_return Idle{};
        SourceEvent event = std::move(*found);
        events_.erase(found);
        co_return event;
    }
    void wake() override { alarm_.ring(); }
    void commit(std::span<const Commit> commits) override { note("commit", commits); }
    Task<void> release(Revoked, std::vector<Commit> commits) override {
        note("release", commits);
        if (commits.empty()) journal_.push_back("release");
        co_await clock_.sleep_until(clock_.now() + release_takes);
    }
    Task<void> close(std::vector<Commit> commits) override {
        note("close", commits);
        if (commits.empty()) journal_.push_back("close");
        co_return;
    }
    std::int64_t behind() const override { return 0; }

  private:
    std::deque<SourceEvent>::iterator find(bool want_records) {
        const auto wanted = [&](const SourceEvent& event) {
            return want_records || !std::holds_alternative<Fetched>(event);
        };
        return std::find_if(events_.begin(), events_.end(), wanted);
    }
    void note(const std::string& what, std::span<const Commit> commits) {
        for (const auto& it : commits) {
            journal_.push_back(what + " " + std::to_string(it.partition) + ":" + it.next.to_string());
        }
    }

    SimClock& clock_;
    Journal& journal_;
    SimAlarm alarm_;
    std::deque<SourceEvent> events_;
};

/// A worker with everything around it in memory, in virtual time. `handle` is what the stage does.
class WorkerBench {
  public:
    using Handle = std::function<Task<Outcome>(std::vector<std::string> values, int call)>;

    explicit WorkerBench(Handle handle, StageSpec its_spec = {}, Worker::Grace grace = {},
                         Pauses* pauses = nullptr)
        : spec(std::move(its_spec)),
          source(clock, journal),
          stage_(*this, std::move(handle)),
          stage_metrics_(metrics.registry(), "test"),
          worker_(spec, 0,
                  WorkerParts{stage_,
                              source,
                              sink_,
                              timers_,
                              dead_letters_,
                              clock,
                              random_,
                              stage_metrics_,
                              "here",
                              Millis{3'600'000},
                              {&watcher_},
                              pauses},
                  grace) {
        set_log_level(LogLevel::error);
        spec.name = "test";
        boost::asio::co_spawn(loop_->executor(), worker_.run(), [this](std::exception_ptr failure) {
            ended = true;
            if (failure) std::rethrow_exception(failure);
        });
        source.push(Assigned{{0}});
    }
    ~WorkerBench() { loop_.reset(); }  // the suspended coroutines use everything else

    /// Appends records of one key each, with their values.
    void fetch(const std::vector<std::pair<std::string, std::string>>& records, std::int32_t partition = 0) {
        Fetched fetched;
        for (const auto& [key, value] : records) {
            fetched.records.push_back(
                make_envelope(key, next_offset++, clock.now(), value, "id-" + value, partition));
        }
        source.push(std::move(fetched));
    }
    void run_for(Millis time) {
        const SysTime until = clock.now() + time;
        poll();
        while (clock.next() && *clock.next() <= until) {
            clock.set(*clock.next());
            clock.happen(0);
            poll();
        }
        clock.set(until);
    }
    void stop() { worker_.stop(); }
    /// Of what is being handled, the record at `index`.
    Task<void> set_aside(std::size_t index, Error error) {
        return worker_.set_aside(handled_[index], std::move(error));
    }
    bool has(const std::string& line) const { return place(line) < journal.size(); }
    std::size_t place(const std::string& line) const {
        return static_cast<std::size_t>(std::find(journal.begin(), journal.end(), line) - journal.begin());
    }
    std::size_t count(const std::string& line) const {
        return static_cast<std::size_t>(std::count(journal.begin(), journal.end(), line));
    }

    SimClock clock;
    Journal journal;
    StageSpec spec;
    ScriptedSource source;
    Metrics metrics;
    std::vector<Record> published;
    std::vector<DeadLetter> letters;
    std::vector<Timer> parked;
    std::vector<std::string> settlements;
    Journal steps;  // what the observer was told, and what was published
    std::function<Task<void>(const std::vector<Record>&)> before_publish =
        [](const std::vector<Record>&) -> Task<void> { co_return; };
    std::function<Task<void>()> before_bury = []() -> Task<void> { co_return; };
    std::function<Task<void>()> before_park = []() -> Task<void> { co_return; };
    BurstPolicy window;
    std::int64_t next_offset = 0;
    int calls = 0;
    bool ended = false;

  private:
    void poll() {
        while (loop_->is_ready()) loop_->run_one();
    }

    struct TestStage final : Stage {
        TestStage(WorkerBench& its_bench, Handle its_handle)
            : bench(its_bench), what(std::move(its_handle)) {}
        std::string_view name() const override { return "test"; }
        Task<Outcome> handle(std::span<const Envelope> records) override {
            std::vector<std::string> values;
            for (const auto& record : records) values.emplace_back(record.value);
            bench.handled_ = records;
            bench.journal.push_back("handle " + values.front());
            return what(std::move(values), ++bench.calls);
        }
        BurstPolicy window(const Envelope&) const override { return bench.window; }
        Task<Outcome> give_up(std::span<const Envelope>, Error error) override {
            bench.journal.push_back("give up " + error.code);
            std::vector<Record> out;
            out.push_back({"fallback", "key", "sorry", {}});
            co_return Emit{std::move(out)};
        }
        WorkerBench& bench;
        Handle what;
    };
    struct TestSink final : Sink {
        explicit TestSink(WorkerBench& its_bench) : bench(its_bench) {}
        void append(std::vector<Record> records, Appended appended) override {
            boost::asio::co_spawn(bench.loop_->executor(), write(std::move(records)),
                                  [appended = std::move(appended)](std::exception_ptr problem) {
                                      std::optional<Error> error;
                                      try {
                                          if (problem) std::rethrow_exception(problem);
                                      } catch (const Failure& failure) {
                                          error = failure.error();
                                      }
                                      appended(std::move(error));
                                  });
        }
        Task<void> write(std::vector<Record> records) {
            co_await bench.before_publish(records);
            for (auto& record : records) {
                bench.journal.push_back("publish " + record.value);
                bench.steps.push_back("publish " + record.value);
                bench.published.push_back(std::move(record));
            }
        }
        WorkerBench& bench;
    };
    struct TestTimers final : Timers {
        explicit TestTimers(WorkerBench& its_bench) : bench(its_bench) {}
        Task<void> park(Timer timer) override {
            co_await bench.before_park();
            bench.journal.push_back("park " + timer.record.value);
            bench.parked.push_back(std::move(timer));
        }
        WorkerBench& bench;
    };
    struct TestDeadLetters final : DeadLetters {
        explicit TestDeadLetters(WorkerBench& its_bench) : bench(its_bench) {}
        Task<void> bury(std::vector<DeadLetter> buried) override {
            co_await bench.before_bury();
            for (auto& letter : buried) {
                bench.journal.push_back("bury " + letter.value);
                bench.letters.push_back(std::move(letter));
            }
        }
        WorkerBench& bench;
    };

    struct Watcher final : Observer {
        explicit Watcher(WorkerBench& its_bench) : bench(its_bench) {}
        void taken(const StageSpec&, const WorkRecords& work) override { note("taken", work); }
        void handled(const StageSpec&, const WorkRecords& work) override { note("handled", work); }
        void published(const StageSpec&, const WorkRecords& work) override { note("published", work); }
        void settled(const Settlement& it) override {
            note("settled", it.records);
            bench.settlements.push_back(std::string(it.outcome) + " " + std::string(it.reason));
        }
        void committed(const StageSpec&, const std::vector<Commit>& commits) override {
            for (const auto& it : commits) bench.steps.push_back("committed " + it.next.to_string());
        }
        void note(const std::string& what, const WorkRecords& work) {
            bench.steps.push_back(what + " " + std::string(work.front().value));
        }
        WorkerBench& bench;
    };

    std::unique_ptr<SimLoop> loop_ = std::make_unique<SimLoop>();
    SeededRandom random_{1};
    TestStage stage_;
    TestSink sink_{*this};
    TestTimers timers_{*this};
    TestDeadLetters dead_letters_{*this};
    Watcher watcher_{*this};
    StageMetrics stage_metrics_;
    std::span<const Envelope> handled_;
    Worker worker_;
};

/// A stage whose handlers each take `time`.
struct SlowStage {
    explicit SlowStage(Millis time, StageSpec spec = {})
        : bench([this, time](std::vector<std::string> values,
                             int) { return handle(this, std::move(values), time); },
                std::move(spec)) {}

    static Task<Outcome> handle(SlowStage* self, std::vector<std::string> values, Millis time) {
        co_await self->bench.clock.sleep_until(self->bench.clock.now() + time);
        std::vector<Record> out;
        out.push_back({"output", "key", values.front(), {}});
        co_return Emit{std::move(out)};
    }

    WorkerBench bench;
};

}  // namespace relevo
