#include <boost/asio/post.hpp>

#include "tests/simulation/sim_log.hpp"

namespace relevo {
namespace {

constexpr std::size_t most_records = 500;  // of one fetch

}  // namespace

SimSource::SimSource(SimLog& log, std::shared_ptr<SimFaults> faults, std::string group, std::string topic)
    : log_(log),
      faults_(std::move(faults)),
      clock_(faults_->clock()),
      group_(std::move(group)),
      topic_(std::move(topic)),
      alarm_(clock_) {
    log_.join(log_.group(group_, topic_), *this);
}

SimSource::~SimSource() {
    if (member_ > 0) log_.die(group_, member_);
}

Task<SourceEvent> SimSource::next(bool want_records, Millis wait) {
    auto event = take(want_records);
    if (event) {
        // as a real source does: others get their turn
        co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
        co_return std::move(*event);
    }
    co_await alarm_.wait_until(clock_.now() + wait);
    event = take(want_records);
    co_return event ? std::move(*event) : SourceEvent(Idle{});
}

std::optional<SourceEvent> SimSource::take(bool want_records) {
    if (!events_.empty()) {
        SourceEvent event = std::move(events_.front());
        events_.pop_front();
        if (const auto* assigned = std::get_if<Assigned>(&event)) {
            faults_->trace.tell(faults_->process, "{} gets {} partitions", group_,
                                assigned->partitions.size());
            const auto& committed = log_.group(group_, topic_).committed;
            for (const auto p : assigned->partitions) {
                positions_[p] = committed[static_cast<std::size_t>(p)];
                ends_told_.erase(p);
            }
        } else if (const auto* revoked = std::get_if<Revoked>(&event)) {
            faults_->trace.tell(faults_->process, "{} {} {} partitions", group_,
                                revoked->lost ? "lost" : "gives up", revoked->partitions.size());
            for (const auto p : revoked->partitions) positions_.erase(p);
        }
        return event;
    }
    if (!want_records || member_ == 0) return std::nullopt;
    if (faults_->happens(faults_->rates().source_pauses)) return std::nullopt;
    Fetched fetched = fetch();
    if (!fetched.records.empty()) return SourceEvent(std::move(fetched));
    for (const auto& [partition, position] : positions_) {
        if (ends_told_.insert(partition).second) return SourceEvent(ReachedEnd{partition});
    }
    return std::nullopt;
}

Fetched SimSource::fetch() {
    Fetched fetched;
    const auto& partitions = log_.topic(topic_);
    if (positions_.empty()) return fetched;
    // which partition's records come first is nobody's promise
    auto place = std::next(positions_.begin(),
                           static_cast<std::ptrdiff_t>(faults_->random().below(positions_.size())));
    for (std::size_t tried = 0; tried < positions_.size(); ++tried, ++place) {
        if (place == positions_.end()) place = positions_.begin();
        auto& [partition, position] = *place;
        const auto& records = partitions[static_cast<std::size_t>(partition)];
        for (std::size_t n = 0; n < most_records && position < static_cast<std::int64_t>(records.size());
             ++n) {
            const auto& logged = records[static_cast<std::size_t>(position++)];
            Envelope record;
            record.topic = logged->record.topic;
            record.partition = partition;
            record.offset = logged->offset;
            record.appended = logged->appended;
            record.key = logged->record.key;
            record.value = logged->record.value;
            record.headers = views_of(logged->record.headers);
            record.owner = logged;
            fetched.records.push_back(std::move(record));
            ends_told_.erase(partition);
        }
        if (!fetched.records.empty()) break;
    }
    return fetched;
}

// Commits of one member are carried out in their order, also after its death.
void SimSource::commit(std::span<const Commit> commits) {
    if (faults_->happens(faults_->rates().commit_lost)) return;
    commit_at(clock_.now() + faults_->up_to(faults_->rates().longest_commit), commits);
}

void SimSource::commit_at(SysTime when, std::span<const Commit> commits) {
    last_commit_ = std::max(last_commit_, when);
    under_way_->emplace_back(commits.begin(), commits.end());
    clock_.at(last_commit_, [&log = log_, group = group_, member = member_, under_way = under_way_] {
        for (const auto& it : under_way->front()) log.commit(group, member, it);
        under_way->pop_front();
    });
}

Task<void> SimSource::release(Revoked revoked, std::vector<Commit> commits) {
    if (!revoked.lost) commit_at(clock_.now() + Millis{1}, commits);
    co_await clock_.sleep_until(std::max(last_commit_, clock_.now()) + Millis{1});
    for (const auto partition : revoked.partitions) revoking_.erase(partition);
    SimLog::Group& group = log_.group(group_, topic_);
    if (revoked.lost) {
        revoking_.clear();
        log_.join(group, *this);
        co_return;
    }
    if (member_ == 0) co_return;
    for (const auto partition : revoked.partitions) {
        int& owner = group.owner[static_cast<std::size_t>(partition)];
        if (owner == member_) owner = 0;
    }
    log_.rebalance(group);
}

Task<void> SimSource::close(std::vector<Commit> commits) {
    commit_at(clock_.now() + Millis{1}, commits);
    co_await clock_.sleep_until(std::max(last_commit_, clock_.now()) + Millis{1});
    if (member_ > 0) log_.leave(log_.group(group_, topic_), member_);
    member_ = -1;
}

std::int64_t SimSource::behind() const {
    std::int64_t behind = 0;
    const auto& partitions = log_.topic(topic_);
    for (const auto& [partition, position] : positions_) {
        behind +=
            static_cast<std::int64_t>(partitions[static_cast<std::size_t>(partition)].size()) - position;
    }
    return behind;
}

}  // namespace relevo
