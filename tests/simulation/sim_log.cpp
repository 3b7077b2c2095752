#include "tests/simulation/sim_log.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <utility>

namespace relevo {
namespace {

// Stable everywhere, unlike std::hash.
std::uint64_t fnv1a(std::string_view text) {
    std::uint64_t hash = 14695981039346656037ull;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return hash;
}

}  // namespace

SimLog::SimLog(SimClock& clock, SimTrace& trace, const std::vector<TopicSpec>& topics)
    : clock_(clock), trace_(trace) {
    for (const auto& topic : topics) topics_[topic.name].resize(static_cast<std::size_t>(topic.partitions));
}

void SimLog::append(Record record) {
    auto& partitions = topics_.at(record.topic);
    const auto place = fnv1a(record.key) % partitions.size();
    auto& partition = partitions[place];
    LoggedRecord logged{std::move(record), static_cast<std::int32_t>(place),
                        Offset{static_cast<std::int64_t>(partition.size())},
                        clock_.now() - (skew ? skew() : Millis{0})};
    const std::string topic = logged.record.topic;
    trace_.tell(0, "logged {} {}:{} key {} id {}", topic, place, logged.offset.value, logged.record.key,
                logged.record.headers.id);
    partition.push_back(std::make_shared<const LoggedRecord>(std::move(logged)));
    for (auto& [name, group] : groups_) {
        if (group.topic != topic) continue;
        const auto owner = group.members.find(group.owner[place]);
        if (owner != group.members.end()) owner->second->alarm_.ring();
    }
}

std::vector<std::shared_ptr<const LoggedRecord>> SimLog::all(const std::string& topic) const {
    std::vector<std::shared_ptr<const LoggedRecord>> out;
    for (const auto& partition : topics_.at(topic)) out.insert(out.end(), partition.begin(), partition.end());
    return out;
}

bool SimLog::is_done(const std::string& group, const std::string& topic) const {
    return !oldest_open(group, topic);
}

std::optional<SysTime> SimLog::oldest_open(const std::string& name, const std::string& topic) const {
    std::optional<SysTime> oldest;
    const auto group = groups_.find(name);
    const auto& partitions = topics_.at(topic);
    for (std::size_t p = 0; p < partitions.size(); ++p) {
        const auto next = group == groups_.end() ? 0 : static_cast<std::size_t>(group->second.committed[p]);
        if (next >= partitions[p].size()) continue;
        const SysTime appended = partitions[p][next]->appended;
        oldest = oldest ? std::min(*oldest, appended) : appended;
    }
    return oldest;
}

SimLog::Group& SimLog::group(const std::string& name, const std::string& topic) {
    Group& group = groups_[name];
    if (group.topic.empty()) {
        group.topic = topic;
        group.committed.resize(topics_.at(topic).size());
        group.owner.resize(topics_.at(topic).size());
    }
    return group;
}

std::size_t SimLog::members(const std::string& group) const {
    const auto found = groups_.find(group);
    return found == groups_.end() ? 0 : found->second.members.size();
}

int SimLog::join(Group& group, SimSource& source) {
    group.members[++last_member_] = &source;
    const int member = last_member_;
    source.member_ = member;
    rebalance(group);
    return member;
}

void SimLog::leave(Group& group, int member) {
    group.members.erase(member);
    for (int& owner : group.owner) {
        if (owner == member) owner = 0;
    }
    rebalance(group);
}

void SimLog::die(const std::string& name, int member) {
    groups_.at(name).members.erase(member);
    clock_.after(session_timeout, [this, name, member] { leave(groups_.at(name), member); });
}

void SimLog::expel(const std::string& name, std::size_t nth_member, Millis delay) {
    Group& group = groups_.at(name);
    if (group.members.empty()) return;
    const auto place = static_cast<std::ptrdiff_t>(nth_member % group.members.size());
    expel(*std::next(group.members.begin(), place)->second, delay);
}

void SimLog::expel(SimSource& source, Millis delay) {
    if (source.member_ <= 0) return;
    const int member = std::exchange(source.member_, 0);
    trace_.tell(source.faults_->process, "is expelled from {}, and learns of it after {} ms", source.group_,
                delay.count());
    source.events_.clear();
    leave(groups_.at(source.group_), member);
    // a source that died meanwhile is in nobody's list
    clock_.after(delay, [alive = std::weak_ptr<SimSource*>(source.self_)] {
        const auto self = alive.lock();
        if (!self) return;
        Revoked lost{{}, true};
        for (const auto& [partition, position] : (*self)->positions_) lost.partitions.push_back(partition);
        (*self)->positions_.clear();
        (*self)->events_.push_back(std::move(lost));
        (*self)->alarm_.ring();
    });
}

void SimLog::expel_after(SimSource& source, Millis wait, Millis learns) {
    clock_.after(wait, [this, alive = std::weak_ptr<SimSource*>(source.self_), rest = learns - wait] {
        if (const auto self = alive.lock()) expel(**self, rest);
    });
}

// Cooperative: who has too much gives it up first, the others go on.
void SimLog::rebalance(Group& group) {
    if (group.members.empty()) return;
    std::map<int, std::vector<std::int32_t>> assigned;
    std::map<int, std::vector<std::int32_t>> revoked;
    for (std::size_t p = 0; p < group.owner.size(); ++p) {
        const auto partition = static_cast<std::int32_t>(p);
        const auto place = static_cast<std::ptrdiff_t>(p % group.members.size());
        const int target = std::next(group.members.begin(), place)->first;
        int& owner = group.owner[p];
        if (owner == 0) {
            owner = target;
            assigned[target].push_back(partition);
        } else if (owner != target && group.members.contains(owner) &&
                   group.members[owner]->revoking_.insert(partition).second) {
            revoked[owner].push_back(partition);
        }
    }
    for (auto& [member, partitions] : assigned) {
        group.members[member]->events_.push_back(Assigned{std::move(partitions)});
        group.members[member]->alarm_.ring();
    }
    for (auto& [member, partitions] : revoked) {
        group.members[member]->events_.push_back(Revoked{std::move(partitions), false});
        group.members[member]->alarm_.ring();
    }
}

void SimLog::commit(const std::string& name, int member, const Commit& commit) {
    Group& group = groups_.at(name);
    const auto place = static_cast<std::size_t>(commit.partition);
    const bool owns = member > 0 && group.owner[place] == member;
    if (!owns && fences) return;
    if (!owns && commit.next.value != group.committed[place])
        problems_.push_back("the group of " + group.topic +
                            " took a commit from who does not own the partition");
    std::int64_t& committed = group.committed[place];
    if (commit.next.value < committed) {
        problems_.push_back("group of " + group.topic + " rewound from " + std::to_string(committed) +
                            " to " + commit.next.to_string());
    }
    auto& finished = finished_[name];
    for (std::int64_t offset = committed; offset < commit.next.value; ++offset) {
        if (finished.erase({commit.partition, offset}) > 0) continue;
        problems_.push_back(fmt::format("{} committed past record {}:{}, which is not finished", name,
                                        commit.partition, offset));
    }
    committed = commit.next.value;
}

void SimSink::append(std::vector<Record> records, Appended appended) {
    boost::asio::co_spawn(
        executor_, write(std::move(records)),
        [appended = std::move(appended)](std::exception_ptr broken, std::optional<Error> error) {
            if (broken) std::rethrow_exception(broken);
            appended(std::move(error));
        });
}

Task<std::optional<Error>> SimSink::write(std::vector<Record> records) {
    SimClock& clock = faults_->clock();
    const SimRates& rates = faults_->rates();
    co_await faults_->point("publish.before:" + stage_);
    const Error away{Fault::transient, "kafka.unavailable", "the simulated broker is away"};
    if (faults_->happens(rates.sink_refuses)) {
        co_await faults_->latency(rates.longest_call);
        co_return away;
    }
    const bool half = faults_->happens(rates.sink_writes_half);
    const bool unheard = faults_->happens(rates.sink_loses_reply);
    if (half) records.resize(records.size() / 2);
    const SysTime written = clock.now() + faults_->up_to(rates.longest_call);
    const SysTime told = written + faults_->up_to(rates.longest_call);
    co_await SimLoop::wait([&](SimLoop::Wake wake) {
        clock.at(written, [&log = log_, &clock, faults = faults_, stage = stage_, wake, told,
                           records = std::move(records)] {
            for (const auto& record : records) log.append(record);
            if (!faults->dies_at("publish.after:" + stage)) clock.at(told, wake);
        });
    });
    if (half || unheard) co_return away;
    co_return std::nullopt;
}

}  // namespace relevo
