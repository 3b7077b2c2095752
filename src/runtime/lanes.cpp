#include "runtime/lanes.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <tuple>

namespace relevo {

namespace intrusive = boost::intrusive;

// First in, first out. What it grew to it keeps, within reason: lanes come and go with every record.
class WorkQueue {
  public:
    bool empty() const { return first_ == items_.size(); }
    WorkRecords& front() { return items_[first_]; }
    void push(WorkRecords records) { items_.push_back(std::move(records)); }
    void push_front(WorkRecords records) {
        if (first_ == 0) {
            items_.insert(items_.begin(), std::move(records));
        } else {
            items_[--first_] = std::move(records);
        }
    }
    WorkRecords pop() {
        WorkRecords out = std::move(items_[first_++]);
        if (first_ == items_.size()) {
            clear();
        } else if (first_ >= most_kept && first_ * 2 >= items_.size()) {
            items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
        return out;
    }
    void clear() {
        items_.clear();
        if (items_.capacity() > most_kept) items_.shrink_to_fit();
        first_ = 0;
    }
    auto begin() const { return items_.begin() + static_cast<std::ptrdiff_t>(first_); }
    auto end() const { return items_.end(); }

  private:
    static constexpr std::size_t most_kept = 8;
    std::vector<WorkRecords> items_;
    std::size_t first_ = 0;
};

struct Lane : intrusive::list_base_hook<> {
    std::string key;
    Lanes::Tenant* tenant = nullptr;
    WorkQueue waiting;
    WorkRecords open;  // the burst that still gathers
    std::optional<BurstWindow> window;
    bool running = false;
};

// The window that closes first; of one moment the order of their keys, so that a history repeats itself.
struct ClosesFirst {
    using Entry = std::pair<SysTime, Lane*>;
    bool operator()(const Entry& left, const Entry& right) const {
        return std::tie(left.first, left.second->key) < std::tie(right.first, right.second->key);
    }
};

using LaneList = intrusive::list<Lane, intrusive::constant_time_size<false>>;

// One partition during one assignment. Work holds it alive, so that a late completion finds it revoked.
struct Assignment {
    std::int32_t partition = 0;
    OffsetTracker offsets;
    std::optional<SysTime> time;  // running maximum of append times: the log's clock
    bool at_end = false;
    bool revoked = false;
    boost::unordered_flat_map<std::string_view, std::unique_ptr<Lane>> lanes;
    std::set<ClosesFirst::Entry, ClosesFirst> closing;
};

struct Lanes::Tenant : intrusive::list_base_hook<> {
    std::string key;
    LaneList ready;
    std::size_t lanes = 0;
    std::size_t running = 0;
};

namespace {

constexpr std::size_t most_spare = 1'000;

std::size_t size_of(const Envelope& record) {
    return record.key.size() + record.value.size();
}

std::size_t size_of(const WorkRecords& records) {
    std::size_t bytes = 0;
    for (const auto& record : records) bytes += size_of(record);
    return bytes;
}

}  // namespace

Lanes::Lanes(Policy policy, Limits limits)
    : policy_(policy), limits_(limits), turns_(std::make_unique<Tenants>()) {}

Lanes::~Lanes() {
    turns_->clear();
    for (auto& [key, tenant] : tenants_) tenant->ready.clear();
}

void Lanes::assign(std::int32_t partition) {
    auto assignment = std::make_shared<Assignment>();
    assignment->partition = partition;
    assignments_[partition] = std::move(assignment);
}

void Lanes::revoke(std::int32_t partition) {
    retire(partition);
    const auto found = assignments_.find(partition);
    if (found == assignments_.end()) return;
    found->second->revoked = true;
    assignments_.erase(found);
}

bool Lanes::is_over(const Work& work) {
    return work.assignment->revoked;
}

void Lanes::retire(std::int32_t partition) {
    const auto found = assignments_.find(partition);
    if (found == assignments_.end()) return;
    const auto assignment = found->second;
    assignment->closing.clear();
    for (auto lane = assignment->lanes.begin(); lane != assignment->lanes.end();) {
        Lane& it = *lane->second;
        for (const auto& burst : it.waiting) forget(burst.size(), size_of(burst));
        forget(it.open.size(), size_of(it.open));
        it.waiting.clear();
        it.open.clear();
        it.window.reset();
        Tenant& tenant = *it.tenant;
        if (it.is_linked()) tenant.ready.erase(tenant.ready.iterator_to(it));
        if (tenant.ready.empty() && tenant.is_linked()) turns_->erase(turns_->iterator_to(tenant));
        if (it.running) {
            ++lane;  // `done` removes it
        } else {
            remove(*assignment, (lane++)->first);
        }
    }
}

void Lanes::forget(std::size_t records, std::size_t bytes) {
    records_ -= records;
    bytes_ -= bytes;
}

Lanes::Tenant& Lanes::tenant_of(std::string_view key) {
    const auto name = fairness_key(key);
    if (const auto found = tenants_.find(name); found != tenants_.end()) return *found->second;
    auto tenant = std::make_unique<Tenant>();
    tenant->key = name;
    Tenant& made = *tenant;
    tenants_.emplace(std::string_view(made.key), std::move(tenant));
    return made;
}

void Lanes::add(Envelope record, const BurstPolicy& policy) {
    const auto found = assignments_.find(record.partition);
    if (found == assignments_.end()) return;  // fetched before a revocation was served
    Assignment& assignment = *found->second;
    assignment.offsets.began(record.offset);
    assignment.time = std::max(assignment.time.value_or(record.appended), record.appended);
    assignment.at_end = false;
    ++records_;
    bytes_ += size_of(record);

    auto lane = assignment.lanes.find(record.key);
    if (lane == assignment.lanes.end()) {
        if (spare_.empty()) spare_.push_back(std::make_unique<Lane>());
        auto made = std::move(spare_.back());
        spare_.pop_back();
        made->key = record.key;
        made->tenant = &tenant_of(record.key);
        ++made->tenant->lanes;
        const std::string_view key = made->key;
        lane = assignment.lanes.emplace(key, std::move(made)).first;
    }
    Lane& it = *lane->second;
    if (policy_ == Policy::one) {
        WorkRecords alone;
        alone.push_back(std::move(record));
        it.waiting.push(std::move(alone));
        make_ready(it);
        return;
    }
    const SysTime time = *assignment.time;
    if (it.window && !it.window->takes(time)) close(assignment, it);
    if (!it.window) {
        it.window.emplace(time);
    } else {
        assignment.closing.erase({it.window->closes_at(), &it});
    }
    // A redelivered webhook is one message: it neither fills nor prolongs the window.
    const bool again =
        !record.headers.id.empty() && std::any_of(it.open.begin(), it.open.end(), [&](const Envelope& other) {
            return other.headers.id == record.headers.id;
        });
    it.open.push_back(std::move(record));
    if (!again) it.window->add(time, policy);
    if (it.window->full()) {
        close(assignment, it);
    } else {
        assignment.closing.insert({it.window->closes_at(), &it});
    }
}

void Lanes::close(Assignment& assignment, Lane& lane) {
    assignment.closing.erase({lane.window->closes_at(), &lane});
    lane.window.reset();
    lane.waiting.push(std::move(lane.open));
    lane.open.clear();
    make_ready(lane);
}

void Lanes::make_ready(Lane& lane) {
    if (lane.running || lane.is_linked()) return;
    Tenant& tenant = *lane.tenant;
    tenant.ready.push_back(lane);
    if (!tenant.is_linked()) turns_->push_back(tenant);
}

void Lanes::reached_end(std::int32_t partition) {
    const auto found = assignments_.find(partition);
    if (found != assignments_.end()) found->second->at_end = true;
}

void Lanes::close_due(SysTime now) {
    for (auto& [partition, assignment] : assignments_) {
        if (assignment->closing.empty()) continue;
        SysTime time = *assignment->time;
        if (assignment->at_end) time = std::max(time, now);
        while (!assignment->closing.empty() && assignment->closing.begin()->first <= time) {
            close(*assignment, *assignment->closing.begin()->second);
        }
    }
}

bool Lanes::close_oldest() {
    Assignment* oldest = nullptr;
    for (auto& [partition, assignment] : assignments_) {
        if (assignment->closing.empty()) continue;
        if (!oldest || assignment->closing.begin()->first < oldest->closing.begin()->first)
            oldest = assignment.get();
    }
    if (oldest) close(*oldest, *oldest->closing.begin()->second);
    return oldest != nullptr;
}

std::optional<SysTime> Lanes::next_close() const {
    std::optional<SysTime> next;
    for (const auto& [partition, assignment] : assignments_) {
        if (!assignment->at_end || assignment->closing.empty()) continue;
        const SysTime closes = assignment->closing.begin()->first;
        next = next ? std::min(*next, closes) : closes;
    }
    return next;
}

std::optional<Work> Lanes::take() {
    if (running_ >= limits_.running) return std::nullopt;
    for (auto turn = turns_->begin(); turn != turns_->end(); ++turn) {
        Tenant& tenant = *turn;
        if (tenant.running >= limits_.running_per_tenant) continue;
        Lane& lane = tenant.ready.front();
        tenant.ready.pop_front();
        turns_->erase(turn);
        if (!tenant.ready.empty()) turns_->push_back(tenant);
        lane.running = true;
        ++tenant.running;
        ++running_;
        const auto& assignment = assignments_.at(lane.waiting.front().front().partition);
        return Work{assignment, &lane, lane.waiting.pop()};
    }
    return std::nullopt;
}

void Lanes::settled(const Work& work) {
    if (work.assignment->revoked) return;
    for (const auto& record : work.records) work.assignment->offsets.finished(record.offset);
}

void Lanes::done(const Work& work) {
    forget(work.records.size(), size_of(work.records));
    Lane& lane = *work.lane;
    Tenant& tenant = *lane.tenant;
    lane.running = false;
    --running_;
    --tenant.running;
    if (!lane.waiting.empty()) {
        make_ready(lane);
    } else if (lane.open.empty()) {
        remove(*work.assignment, lane.key);
    }
}

void Lanes::put_back(Work work) {
    Lane& lane = *work.lane;
    lane.running = false;
    --running_;
    --lane.tenant->running;
    lane.waiting.push_front(std::move(work.records));
    make_ready(lane);
}

void Lanes::remove(Assignment& assignment, std::string_view key) {
    const auto found = assignment.lanes.find(key);
    std::unique_ptr<Lane> lane = std::move(found->second);
    assignment.lanes.erase(found);
    Tenant& tenant = *lane->tenant;
    if (--tenant.lanes == 0) tenants_.erase(tenants_.find(tenant.key));
    if (spare_.size() < most_spare) spare_.push_back(std::move(lane));
}

std::vector<Lanes::Progress> Lanes::progress() {
    std::vector<Progress> out;
    for (auto& [partition, assignment] : assignments_) out.push_back({partition, assignment->offsets});
    return out;
}

std::optional<SysTime> Lanes::oldest_time() const {
    std::optional<SysTime> oldest;
    for (const auto& [partition, assignment] : assignments_) {
        if (assignment->time) oldest = std::min(oldest.value_or(*assignment->time), *assignment->time);
    }
    return oldest;
}

}  // namespace relevo
