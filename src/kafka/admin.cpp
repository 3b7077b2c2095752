#include "kafka/admin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "kafka/client.hpp"
#include "kafka/source.hpp"

namespace relevo {
namespace {

using rdkafka::Destroy;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, Destroy<rd_kafka_AdminOptions_destroy>>;
using AlterOffsets = std::unique_ptr<rd_kafka_AlterConsumerGroupOffsets_t,
                                     Destroy<rd_kafka_AlterConsumerGroupOffsets_destroy>>;
using ListOffsetsOf =
    std::unique_ptr<rd_kafka_ListConsumerGroupOffsets_t, Destroy<rd_kafka_ListConsumerGroupOffsets_destroy>>;

using ConfigResource = std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;

struct GroupOffset {
    std::int64_t committed = -1;
    std::string metadata;
};

std::map<const char*, std::string> topic_settings(const TopicSpec& spec) {
    return {{"message.timestamp.type", "LogAppendTime"},
            {"retention.ms", std::to_string(spec.retention.count())},
            {"segment.ms", "86400000"},  // whole segments are deleted: a day is how exact retention is
            {"max.message.bytes", std::to_string(spec.max_message_bytes)}};
}

// What asking again cannot mend. Everything else passes: a broker that is away, a topic that was just made
// and that not every broker has heard of, a coordinator that moves.
bool is_final(rd_kafka_resp_err_t code) {
    static const std::set<rd_kafka_resp_err_t> final_ones{RD_KAFKA_RESP_ERR__AUTHENTICATION,
                                                          RD_KAFKA_RESP_ERR__INVALID_ARG,
                                                          RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED,
                                                          RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
                                                          RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
                                                          RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                                          RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                                                          RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
                                                          RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
                                                          RD_KAFKA_RESP_ERR_INVALID_PARTITIONS,
                                                          RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
                                                          RD_KAFKA_RESP_ERR_INVALID_CONFIG,
                                                          RD_KAFKA_RESP_ERR_INVALID_REQUEST,
                                                          RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
                                                          RD_KAFKA_RESP_ERR_POLICY_VIOLATION};
    return final_ones.contains(code);
}

void check(rd_kafka_resp_err_t code, const std::string& what) {
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const bool refused = is_final(code);
    throw Failure({refused ? Fault::permanent : Fault::transient,
                   refused ? "kafka.refused" : "kafka.unavailable",
                   fmt::format("{}: {}", what, rd_kafka_err2str(code))});
}

}  // namespace

struct KafkaAdmin::Impl {
    Impl(KafkaSettings given, Millis given_deadline) : settings(std::move(given)), deadline(given_deadline) {
        connect();
    }

    void connect() {
        queue.reset();
        client = rdkafka::make_client(RD_KAFKA_PRODUCER, rdkafka::make_conf(settings, {}));
        queue.reset(rd_kafka_queue_new(client.get()));
    }

    int millis() const { return static_cast<int>(deadline.count()); }

    AdminOptions options(rd_kafka_admin_op_t operation) const {
        AdminOptions made(rd_kafka_AdminOptions_new(client.get(), operation));
        rd_kafka_AdminOptions_set_request_timeout(made.get(), millis(), nullptr, 0);
        return made;
    }

    rdkafka::Event answer(const std::string& what) {
        // The library answers by itself when the time is over. Whoever went away before that would leave its
        // answer to the next question.
        constexpr int grace_ms = 5'000;
        rdkafka::Event event(rd_kafka_queue_poll(queue.get(), millis() + grace_ms));
        if (!event) check(RD_KAFKA_RESP_ERR__TIMED_OUT, what);
        check(rd_kafka_event_error(event.get()), what);
        return event;
    }

    // Partitions by topic, of this installation's.
    std::map<std::string, int> partitions() {
        const rd_kafka_metadata_t* metadata = nullptr;
        check(rd_kafka_metadata(client.get(), 1, nullptr, &metadata, millis()),
              "asking " + settings.brokers + " for the cluster's topics");
        std::map<std::string, int> out;
        for (int i = 0; i < metadata->topic_cnt; ++i) {
            const std::string_view name = metadata->topics[i].topic;
            if (!name.starts_with(settings.prefix)) continue;
            out[std::string(name.substr(settings.prefix.size()))] = metadata->topics[i].partition_cnt;
        }
        rd_kafka_metadata_destroy(metadata);
        return out;
    }

    void create(const TopicSpec& spec, int replication) {
        char text[256];
        NewTopic topic(rd_kafka_NewTopic_new(settings.in_cluster(spec.name).c_str(), spec.partitions,
                                             replication, text, sizeof text));
        if (!topic) throw Failure({Fault::permanent, "kafka.refused", text});
        for (const auto& [name, value] : topic_settings(spec)) {
            rd_kafka_NewTopic_set_config(topic.get(), name, value.c_str());
        }
        rd_kafka_NewTopic_t* list[] = {topic.get()};
        const auto given = options(RD_KAFKA_ADMIN_OP_CREATETOPICS);
        rd_kafka_AdminOptions_set_operation_timeout(given.get(), millis(), nullptr, 0);
        rd_kafka_CreateTopics(client.get(), list, 1, given.get(), queue.get());
        const auto event = answer("creating topic " + spec.name);
        std::size_t count = 0;
        const auto* results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
        for (std::size_t i = 0; i < count; ++i) {
            const auto code = rd_kafka_topic_result_error(results[i]);
            if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) check(code, "creating topic " + spec.name);
        }
    }

    // Of a topic that is there.
    void configure(const TopicSpec& spec) {
        ConfigResource topic(
            rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, settings.in_cluster(spec.name).c_str()));
        for (const auto& [name, value] : topic_settings(spec)) {
            const rdkafka::KafkaError wrong(rd_kafka_ConfigResource_add_incremental_config(
                topic.get(), name, RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET, value.c_str()));
        }
        rd_kafka_ConfigResource_t* list[] = {topic.get()};
        const auto given = options(RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS);
        rd_kafka_IncrementalAlterConfigs(client.get(), list, 1, given.get(), queue.get());
        const auto event = answer("setting up topic " + spec.name);
        std::size_t count = 0;
        const auto* results = rd_kafka_IncrementalAlterConfigs_result_resources(
            rd_kafka_event_IncrementalAlterConfigs_result(event.get()), &count);
        for (std::size_t i = 0; i < count; ++i) {
            check(rd_kafka_ConfigResource_error(results[i]), "setting up topic " + spec.name);
        }
    }

    rdkafka::Partitions all_partitions(const std::string& topic, int count) const {
        rdkafka::Partitions list(rd_kafka_topic_partition_list_new(count));
        rd_kafka_topic_partition_list_add_range(list.get(), settings.in_cluster(topic).c_str(), 0, count - 1);
        return list;
    }

    // `edge` is RD_KAFKA_OFFSET_SPEC_EARLIEST or _LATEST.
    std::map<std::int32_t, std::int64_t> log_offsets(const std::string& topic, int count, std::int64_t edge) {
        rdkafka::Partitions list = all_partitions(topic, count);
        for (int i = 0; i < count; ++i) list->elems[i].offset = edge;
        const auto given = options(RD_KAFKA_ADMIN_OP_LISTOFFSETS);
        rd_kafka_ListOffsets(client.get(), list.get(), given.get(), queue.get());
        const auto event = answer("asking for the offsets of " + topic);
        std::size_t results = 0;
        const auto* infos =
            rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event.get()), &results);
        std::map<std::int32_t, std::int64_t> out;
        for (std::size_t i = 0; i < results; ++i) {
            const auto* partition = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
            check(partition->err, "asking for the offsets of " + topic);
            out[partition->partition] = partition->offset;
        }
        return out;
    }

    std::map<std::int32_t, GroupOffset> group_offsets(const std::string& group, const std::string& topic,
                                                      int count) {
        const rdkafka::Partitions list = all_partitions(topic, count);
        ListOffsetsOf request(
            rd_kafka_ListConsumerGroupOffsets_new(settings.in_cluster(group).c_str(), list.get()));
        rd_kafka_ListConsumerGroupOffsets_t* requests[] = {request.get()};
        const auto given = options(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
        rd_kafka_ListConsumerGroupOffsets(client.get(), requests, 1, given.get(), queue.get());
        const auto event = answer("asking for the offsets of group " + group);
        std::size_t groups = 0;
        const auto* results = rd_kafka_ListConsumerGroupOffsets_result_groups(
            rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &groups);
        std::map<std::int32_t, GroupOffset> out;
        if (groups == 0) return out;
        if (const auto* error = rd_kafka_group_result_error(results[0])) {
            const auto code = rd_kafka_error_code(error);
            if (code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return out;
            check(code, "asking for the offsets of group " + group);
        }
        const auto* offsets = rd_kafka_group_result_partitions(results[0]);
        for (int i = 0; offsets && i < offsets->cnt; ++i) {
            const auto& entry = offsets->elems[i];
            if (entry.offset < 0) continue;
            out[entry.partition] = {
                entry.offset, std::string(static_cast<const char*>(entry.metadata), entry.metadata_size)};
        }
        return out;
    }

    void set_group_offsets(const std::string& group, const std::string& topic,
                           const std::map<std::int32_t, std::int64_t>& offsets) {
        rdkafka::Partitions list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
        for (const auto& [partition, offset] : offsets) {
            rd_kafka_topic_partition_list_add(list.get(), settings.in_cluster(topic).c_str(), partition)
                ->offset = offset;
        }
        AlterOffsets request(
            rd_kafka_AlterConsumerGroupOffsets_new(settings.in_cluster(group).c_str(), list.get()));
        rd_kafka_AlterConsumerGroupOffsets_t* requests[] = {request.get()};
        const auto given = options(RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS);
        rd_kafka_AlterConsumerGroupOffsets(client.get(), requests, 1, given.get(), queue.get());
        const auto event = answer("setting the first offsets of group " + group);
        std::size_t groups = 0;
        const auto* results = rd_kafka_AlterConsumerGroupOffsets_result_groups(
            rd_kafka_event_AlterConsumerGroupOffsets_result(event.get()), &groups);
        for (std::size_t i = 0; i < groups; ++i) {
            if (const auto* error = rd_kafka_group_result_error(results[i])) {
                check(rd_kafka_error_code(error), "setting the first offsets of group " + group);
            }
        }
    }

    KafkaSettings settings;
    rdkafka::Client client;
    rdkafka::Queue queue;
    Millis deadline;
};

KafkaAdmin::KafkaAdmin(const KafkaSettings& settings, Millis deadline)
    : impl_(std::make_unique<Impl>(settings, deadline)) {}

KafkaAdmin::~KafkaAdmin() = default;

bool KafkaAdmin::reachable() {
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(impl_->client.get(), 0, nullptr, &metadata, impl_->millis()) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    rd_kafka_metadata_destroy(metadata);
    return true;
}

std::vector<TopicState> KafkaAdmin::topics(const PipelineSpec& pipeline) {
    const auto actual = impl_->partitions();
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
            impl_->create(*pipeline.find_topic(state.name), replication);
            progress(fmt::format("topic {}: created, {} partitions", state.name, state.declared));
        } else if (state.actual != state.declared) {
            throw Failure(
                {Fault::permanent, "kafka.refused",
                 fmt::format("topic {} has {} partitions, {} declares {}: keys would move. Declare {}, or "
                             "make a topic of another name",
                             state.name, state.actual, pipeline.file.string(), state.declared,
                             state.actual)});
        } else {
            impl_->configure(*pipeline.find_topic(state.name));
            progress(fmt::format("topic {}: there, {} partitions", state.name, state.actual));
        }
    }
    // The first question to a new cluster's coordinator can get lost while it comes up: asking again is
    // quicker.
    const Millis deadline = std::exchange(impl_->deadline, std::min(impl_->deadline, Millis{2'000}));
    for (const auto& stage : pipeline.stages) {
        const auto* topic = pipeline.find_topic(stage.input);
        if (!topic) continue;  // the table of timers has no offsets
        const auto set_first_offsets = [&] {
            const auto known = impl_->group_offsets(stage.group, topic->name, topic->partitions);
            auto missing = impl_->log_offsets(topic->name, topic->partitions, RD_KAFKA_OFFSET_SPEC_EARLIEST);
            std::erase_if(missing, [&](const auto& entry) { return known.contains(entry.first); });
            if (missing.empty()) return;
            impl_->set_group_offsets(stage.group, topic->name, missing);
            progress(fmt::format("group {}: starts with the oldest record of {}", stage.group, topic->name));
        };
        // A client that was told too early that there is no such topic goes on believing it.
        patiently(set_first_offsets, [&] { impl_->connect(); });
    }
    impl_->deadline = deadline;
}

std::vector<PartitionLag> KafkaAdmin::lag(const PipelineSpec& pipeline) {
    std::vector<PartitionLag> out;
    const auto actual = impl_->partitions();
    for (const auto& stage : pipeline.stages) {
        const auto topic = actual.find(stage.input);
        if (topic == actual.end()) continue;
        const auto ends = impl_->log_offsets(stage.input, topic->second, RD_KAFKA_OFFSET_SPEC_LATEST);
        const auto offsets = impl_->group_offsets(stage.group, stage.input, topic->second);
        for (const auto& [partition, end] : ends) {
            PartitionLag lag{stage.name, stage.group, stage.input, partition, end, -1, end, 0};
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

}  // namespace relevo
