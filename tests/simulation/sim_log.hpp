#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/pipeline.hpp"
#include "runtime/sink.hpp"
#include "runtime/source.hpp"
#include "tests/simulation/sim_clock.hpp"
#include "tests/simulation/sim_faults.hpp"

namespace relevo {

class SimSource;

/// A record as the log keeps it.
struct LoggedRecord {
    Record record;
    std::int32_t partition = 0;
    Offset offset;
    SysTime appended;
};

/// The broker: topics with partitions, LogAppendTime, groups with their members and committed offsets. It
/// survives every process.
class SimLog {
  public:
    using Partition = std::vector<std::shared_ptr<const LoggedRecord>>;

    SimLog(SimClock& clock, SimTrace& trace, const std::vector<TopicSpec>& topics);

    void append(Record record);
    /// How far the append time of the next record lies behind the clock: leaders' clocks differ.
    std::function<Millis()> skew;
    const std::vector<Partition>& topic(const std::string& name) const { return topics_.at(name); }
    std::vector<std::shared_ptr<const LoggedRecord>> all(const std::string& topic) const;
    /// Whether the group has committed everything.
    bool is_done(const std::string& group, const std::string& topic) const;
    /// The oldest record that the group has not committed.
    std::optional<SysTime> oldest_open(const std::string& group, const std::string& topic) const;
    /// Takes the partitions of one member away without telling it, as after a long pause; it learns of it,
    /// and joins again, after `delay`.
    void expel(const std::string& group, std::size_t nth_member, Millis delay);
    void expel(SimSource& source, Millis delay);
    /// The same after a while, for a member whose process stands still; it learns of it `learns` from now.
    void expel_after(SimSource& source, Millis wait, Millis learns);
    /// The record was settled: from now on its offset may be committed.
    void finished(const std::string& group, std::int32_t partition, Offset offset) {
        finished_[group].emplace(partition, offset.value);
    }
    std::size_t members(const std::string& group) const;
    /// What no broker should ever see.
    const std::vector<std::string>& problems() const { return problems_; }

    /// Whether only a partition's owner may commit.
    bool fences = true;

    static constexpr Millis session_timeout{6'000};

  private:
    friend class SimSource;
    struct Group {
        std::string topic;
        std::vector<std::int64_t> committed;
        std::vector<int> owner;  // of each partition; 0: nobody
        std::map<int, SimSource*> members;
    };

    Group& group(const std::string& name, const std::string& topic);
    int join(Group& group, SimSource& source);
    void leave(Group& group, int member);
    void die(const std::string& name, int member);
    void rebalance(Group& group);
    void commit(const std::string& name, int member, const Commit& commit);

    SimClock& clock_;
    SimTrace& trace_;
    std::map<std::string, std::vector<Partition>> topics_;
    std::map<std::string, Group> groups_;
    std::map<std::string, std::set<std::pair<std::int32_t, std::int64_t>>> finished_;
    std::vector<std::string> problems_;
    int last_member_ = 0;
};

/// A member of a group. Destroyed without `close`, it is missed only after the session timeout.
class SimSource final : public Source {
  public:
    SimSource(SimLog& log, std::shared_ptr<SimFaults> faults, std::string group, std::string topic);
    ~SimSource() override;

    Task<SourceEvent> next(bool want_records, Millis wait) override;
    void wake() override { alarm_.ring(); }
    void commit(std::span<const Commit> commits) override;
    Task<void> release(Revoked revoked, std::vector<Commit> commits) override;
    Task<void> close(std::vector<Commit> commits) override;
    std::int64_t behind() const override;

  private:
    friend class SimLog;
    std::optional<SourceEvent> take(bool want_records);
    Fetched fetch();

    void commit_at(SysTime when, std::span<const Commit> commits);

    SimLog& log_;
    std::shared_ptr<SimFaults> faults_;
    SimClock& clock_;
    std::string group_;
    std::string topic_;
    int member_ = 0;                                                         // 0: expelled; -1: closed
    std::shared_ptr<SimSource*> self_ = std::make_shared<SimSource*>(this);  // expires with us
    std::deque<SourceEvent> events_;
    std::map<std::int32_t, std::int64_t> positions_;
    std::set<std::int32_t> ends_told_;
    std::set<std::int32_t> revoking_;
    SimAlarm alarm_;
    SysTime last_commit_{};
    std::shared_ptr<std::deque<std::vector<Commit>>> under_way_ =
        std::make_shared<std::deque<std::vector<Commit>>>();
};

/// Writes to the log, with its faults. What was handed over is written also when its process dies.
class SimSink final : public Sink {
  public:
    SimSink(boost::asio::any_io_executor executor, SimLog& log, std::shared_ptr<SimFaults> faults,
            std::string stage)
        : executor_(std::move(executor)), log_(log), faults_(std::move(faults)), stage_(std::move(stage)) {}
    void append(std::vector<Record> records, Appended appended) override;

  private:
    Task<std::optional<Error>> write(std::vector<Record> records);

    boost::asio::any_io_executor executor_;
    SimLog& log_;
    std::shared_ptr<SimFaults> faults_;
    std::string stage_;
};

}  // namespace relevo
