#include "kafka/admin_requests.hpp"

#include <fmt/format.h>

#include <utility>

#include "kafka/admin_client.hpp"

namespace relevo {
namespace {

using rdkafka::check;
using rdkafka::ConfigResource;
using rdkafka::Destroy;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;
using AlterOffsets = std::unique_ptr<rd_kafka_AlterConsumerGroupOffsets_t,
                                     Destroy<rd_kafka_AlterConsumerGroupOffsets_destroy>>;
using ListOffsetsOf =
    std::unique_ptr<rd_kafka_ListConsumerGroupOffsets_t, Destroy<rd_kafka_ListConsumerGroupOffsets_destroy>>;

std::map<const char*, std::string> topic_settings(const TopicSpec& spec) {
    return {{"message.timestamp.type", "LogAppendTime"},
            {"retention.ms", std::to_string(spec.retention.count())},
            {"segment.ms", "86400000"},  // whole segments are deleted: a day is how exact retention is
            {"max.message.bytes", std::to_string(spec.max_message_bytes)}};
}

}  // namespace

struct AdminRequests::Handles : rdkafka::AdminClient {
    using AdminClient::AdminClient;
};

AdminRequests::AdminRequests(KafkaSettings given, Millis given_deadline)
    : settings(std::move(given)), deadline(given_deadline) {
    connect();
}

AdminRequests::~AdminRequests() = default;

void AdminRequests::connect() {
    handles_ = std::make_unique<Handles>(settings, deadline);
}

bool AdminRequests::reachable() {
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(handles_->client.get(), 0, nullptr, &metadata, handles_->millis()) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    rd_kafka_metadata_destroy(metadata);
    return true;
}

std::map<std::string, int> AdminRequests::partitions() {
    const rd_kafka_metadata_t* metadata = nullptr;
    check(rd_kafka_metadata(handles_->client.get(), 1, nullptr, &metadata, handles_->millis()),
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

void AdminRequests::create(const TopicSpec& spec, int replication) {
    char text[256];
    NewTopic topic(rd_kafka_NewTopic_new(settings.in_cluster(spec.name).c_str(), spec.partitions, replication,
                                         text, sizeof text));
    if (!topic) throw Failure({Fault::permanent, "kafka.refused", text});
    for (const auto& [name, value] : topic_settings(spec)) {
        rd_kafka_NewTopic_set_config(topic.get(), name, value.c_str());
    }
    // What is acknowledged is then on two brokers, and one of three may be away.
    if (replication >= 3) rd_kafka_NewTopic_set_config(topic.get(), "min.insync.replicas", "2");
    rd_kafka_NewTopic_t* list[] = {topic.get()};
    const auto given = handles_->options(RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_operation_timeout(given.get(), handles_->millis(), nullptr, 0);
    rd_kafka_CreateTopics(handles_->client.get(), list, 1, given.get(), handles_->queue.get());
    const auto event = handles_->answer("creating topic " + spec.name);
    std::size_t count = 0;
    const auto* results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto code = rd_kafka_topic_result_error(results[i]);
        if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) check(code, "creating topic " + spec.name);
    }
}

void AdminRequests::configure(const TopicSpec& spec) {
    ConfigResource topic(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, settings.in_cluster(spec.name).c_str()));
    for (const auto& [name, value] : topic_settings(spec)) {
        const rdkafka::KafkaError wrong(rd_kafka_ConfigResource_add_incremental_config(
            topic.get(), name, RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET, value.c_str()));
    }
    rd_kafka_ConfigResource_t* list[] = {topic.get()};
    const auto given = handles_->options(RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS);
    rd_kafka_IncrementalAlterConfigs(handles_->client.get(), list, 1, given.get(), handles_->queue.get());
    const auto event = handles_->answer("setting up topic " + spec.name);
    std::size_t count = 0;
    const auto* results = rd_kafka_IncrementalAlterConfigs_result_resources(
        rd_kafka_event_IncrementalAlterConfigs_result(event.get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        check(rd_kafka_ConfigResource_error(results[i]), "setting up topic " + spec.name);
    }
}

std::map<std::int32_t, std::int64_t> AdminRequests::log_offsets(const std::string& topic, int count,
                                                                Edge edge) {
    const std::int64_t spec =
        edge == Edge::earliest ? RD_KAFKA_OFFSET_SPEC_EARLIEST : RD_KAFKA_OFFSET_SPEC_LATEST;
    rdkafka::Partitions list(rd_kafka_topic_partition_list_new(count));
    for (int i = 0; i < count; ++i)
        rd_kafka_topic_partition_list_add(list.get(), settings.in_cluster(topic).c_str(), i)->offset = spec;
    const auto given = handles_->options(RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    rd_kafka_ListOffsets(handles_->client.get(), list.get(), given.get(), handles_->queue.get());
    const auto event = handles_->answer("asking for the offsets of " + topic);
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

std::map<std::int32_t, GroupOffset> AdminRequests::group_offsets(const std::string& group,
                                                                 const std::string& topic, int count) {
    rdkafka::Partitions list(rd_kafka_topic_partition_list_new(count));
    rd_kafka_topic_partition_list_add_range(list.get(), settings.in_cluster(topic).c_str(), 0, count - 1);
    ListOffsetsOf request(
        rd_kafka_ListConsumerGroupOffsets_new(settings.in_cluster(group).c_str(), list.get()));
    rd_kafka_ListConsumerGroupOffsets_t* requests[] = {request.get()};
    const auto given = handles_->options(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets(handles_->client.get(), requests, 1, given.get(),
                                      handles_->queue.get());
    const auto event = handles_->answer("asking for the offsets of group " + group);
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
        out[entry.partition] = {entry.offset,
                                std::string(static_cast<const char*>(entry.metadata), entry.metadata_size)};
    }
    return out;
}

std::map<std::string, int> AdminRequests::members(const std::vector<std::string>& groups) {
    std::vector<std::string> names;
    std::vector<const char*> list;
    for (const auto& group : groups) names.push_back(settings.in_cluster(group));
    for (const auto& name : names) list.push_back(name.c_str());
    std::map<std::string, int> out;
    if (list.empty()) return out;
    const auto given = handles_->options(RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_DescribeConsumerGroups(handles_->client.get(), list.data(), list.size(), given.get(),
                                    handles_->queue.get());
    const auto event = handles_->answer("asking who is in the groups");
    std::size_t count = 0;
    const auto* described = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(event.get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto* fault = rd_kafka_ConsumerGroupDescription_error(described[i]);
        const auto code = fault ? rd_kafka_error_code(fault) : RD_KAFKA_RESP_ERR_NO_ERROR;
        if (code != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) check(code, "asking who is in the groups");
        const std::string_view name = rd_kafka_ConsumerGroupDescription_group_id(described[i]);
        out[std::string(name.substr(settings.prefix.size()))] =
            code == RD_KAFKA_RESP_ERR_NO_ERROR
                ? static_cast<int>(rd_kafka_ConsumerGroupDescription_member_count(described[i]))
                : 0;
    }
    return out;
}

void AdminRequests::set_group_offsets(const std::string& group, const std::string& topic,
                                      const std::map<std::int32_t, std::int64_t>& offsets) {
    rdkafka::Partitions list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
    for (const auto& [partition, offset] : offsets) {
        rd_kafka_topic_partition_list_add(list.get(), settings.in_cluster(topic).c_str(), partition)->offset =
            offset;
    }
    AlterOffsets request(
        rd_kafka_AlterConsumerGroupOffsets_new(settings.in_cluster(group).c_str(), list.get()));
    rd_kafka_AlterConsumerGroupOffsets_t* requests[] = {request.get()};
    const auto given = handles_->options(RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS);
    rd_kafka_AlterConsumerGroupOffsets(handles_->client.get(), requests, 1, given.get(),
                                       handles_->queue.get());
    const auto event = handles_->answer("setting the first offsets of group " + group);
    std::size_t groups = 0;
    const auto* results = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(event.get()), &groups);
    for (std::size_t i = 0; i < groups; ++i) {
        if (const auto* error = rd_kafka_group_result_error(results[i])) {
            check(rd_kafka_error_code(error), "setting the first offsets of group " + group);
        }
    }
}

}  // namespace relevo
