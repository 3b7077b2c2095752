#include "kafka/admin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "kafka/admin_requests.hpp"
#include "kafka/log_reader.hpp"
#include "kafka/source.hpp"

namespace relevo {

KafkaAdmin::KafkaAdmin(const KafkaSettings& settings, Millis deadline)
    : requests_(std::make_unique<AdminRequests>(settings, deadline)) {}

KafkaAdmin::~KafkaAdmin() = default;

bool KafkaAdmin::reachable() {
    return requests_->reachable();
}

std::vector<TopicState> KafkaAdmin::topics(const PipelineSpec& pipeline) {
    const auto actual = requests_->partitions();
    std::vector<TopicState> out;
    for (const auto& topic : pipeline.topics) {
        const auto found = actual.find(topic.name);
        out.push_back({topic.name, topic.partitions, found == actual.end() ? 0 : found->second});
    }
    return out;
}

namespace {

// A new topic, and a cluster's first group, take it a moment: what fails in passing is tried again, after
// `renew`.
template <class Action, class Renew>
void patiently(const Action& action, const Renew& renew) {
    constexpr Millis pause{200};
    constexpr Millis patience{30'000};
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        try {
            return action();
        } catch (const Failure& failure) {
            if (failure.error().fault == Fault::permanent || std::chrono::steady_clock::now() > end) throw;
        }
        std::this_thread::sleep_for(pause);
        renew();
    }
}

}  // namespace

void KafkaAdmin::apply(const PipelineSpec& pipeline, int replication,
                       const std::function<void(std::string)>& progress) {
    for (const auto& state : topics(pipeline)) {
        if (state.actual == 0) {
            requests_->create(*pipeline.find_topic(state.name), replication);
            progress(fmt::format("topic {}: created, {} partitions", state.name, state.declared));
        } else if (state.actual != state.declared) {
            throw Failure(
                {Fault::permanent, "kafka.refused",
                 fmt::format("topic {} has {} partitions, {} declares {}: keys would move. Declare {}, or "
                             "make a topic of another name",
                             state.name, state.actual, pipeline.file.string(), state.declared,
                             state.actual)});
        } else {
            requests_->configure(*pipeline.find_topic(state.name));
            progress(fmt::format("topic {}: there, {} partitions", state.name, state.actual));
        }
    }
    // The first question to a new cluster's coordinator can get lost while it comes up: asking again is
    // quicker.
    const Millis deadline = std::exchange(requests_->deadline, std::min(requests_->deadline, Millis{2'000}));
    for (const auto& stage : pipeline.stages) {
        const auto* topic = pipeline.find_topic(stage.input);
        if (!topic) continue;  // the table of timers has no offsets
        const auto set_first_offsets = [&] {
            const auto known = requests_->group_offsets(stage.group, topic->name, topic->partitions);
            auto missing =
                requests_->log_offsets(topic->name, topic->partitions, AdminRequests::Edge::earliest);
            std::erase_if(missing, [&](const auto& entry) { return known.contains(entry.first); });
            if (missing.empty()) return;
            requests_->set_group_offsets(stage.group, topic->name, missing);
            progress(fmt::format("group {}: starts with the oldest record of {}", stage.group, topic->name));
        };
        patiently(set_first_offsets, [&] { requests_->connect(); });
    }
    requests_->deadline = deadline;
}

std::vector<PartitionLag> KafkaAdmin::lag(const PipelineSpec& pipeline) {
    std::vector<PartitionLag> out;
    const auto actual = requests_->partitions();
    std::vector<std::string> groups;
    for (const auto& stage : pipeline.stages) {
        if (actual.contains(stage.input)) groups.push_back(stage.group);
    }
    const auto members = requests_->members(groups);
    for (const auto& stage : pipeline.stages) {
        const auto topic = actual.find(stage.input);
        if (topic == actual.end()) continue;
        const auto ends = requests_->log_offsets(stage.input, topic->second, AdminRequests::Edge::latest);
        const auto offsets = requests_->group_offsets(stage.group, stage.input, topic->second);
        for (const auto& [partition, end] : ends) {
            PartitionLag lag{stage.name, stage.group, stage.input, partition, end, -1, end, 0, {}, {}};
            if (const auto found = members.find(stage.group); found != members.end())
                lag.workers = found->second;
            if (const auto found = offsets.find(partition); found != offsets.end()) {
                const Offset committed{found->second.committed};
                const Offset dispatched = decode_dispatched(found->second.metadata, committed);
                lag.committed = committed.value;
                lag.behind = std::max<std::int64_t>(0, end - dispatched.value);
                lag.held = dispatched.value - committed.value;
            }
            out.push_back(lag);
        }
    }
    return out;
}

void KafkaAdmin::find_oldest(std::vector<PartitionLag>& rows) {
    std::vector<LogPlace> places;
    std::vector<PartitionLag*> late;
    for (auto& row : rows) {
        if (row.behind + row.held == 0) continue;
        places.push_back({row.topic, row.partition, {std::max<std::int64_t>(0, row.committed)}});
        late.push_back(&row);
    }
    if (places.empty()) return;
    if (!reader_) reader_ = std::make_unique<LogReader>(requests_->settings);
    const auto times = reader_->append_times(places);
    for (std::size_t i = 0; i < late.size(); ++i) late[i]->oldest = times[i];
}

}  // namespace relevo
