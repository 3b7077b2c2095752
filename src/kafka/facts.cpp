#include "kafka/facts.hpp"

#include <algorithm>
#include <chrono>

#include "kafka/admin_client.hpp"

namespace relevo {
namespace {

using rdkafka::AdminClient;
using rdkafka::check;
using rdkafka::ConfigResource;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, rdkafka::Destroy<rd_kafka_metadata_destroy>>;

// `what` is a broker's id or a topic's name.
ServerSettings settings_of(AdminClient& requests, rd_kafka_ResourceType_t type, const std::string& what) {
    ConfigResource resource(rd_kafka_ConfigResource_new(type, what.c_str()));
    rd_kafka_ConfigResource_t* list[] = {resource.get()};
    const auto options = requests.options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(requests.client.get(), list, 1, options.get(), requests.queue.get());
    const std::string asking = "asking for the settings of " + what;
    const auto event = requests.answer(asking);
    std::size_t count = 0;
    const auto* results =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.get()), &count);
    ServerSettings settings;
    for (std::size_t i = 0; i < count; ++i) {
        check(rd_kafka_ConfigResource_error(results[i]), asking);
        std::size_t entries = 0;
        const auto* entry = rd_kafka_ConfigResource_configs(results[i], &entries);
        for (std::size_t k = 0; k < entries; ++k) {
            const char* value = rd_kafka_ConfigEntry_value(entry[k]);  // none of what is secret
            settings[rd_kafka_ConfigEntry_name(entry[k])] = value ? value : "";
        }
    }
    return settings;
}

TopicFacts topic_facts(AdminClient& requests, const std::string& name,
                       const rd_kafka_metadata_topic_t& topic) {
    TopicFacts facts;
    facts.name = name;
    facts.partitions = topic.partition_cnt;
    for (int i = 0; i < topic.partition_cnt; ++i) {
        const auto& partition = topic.partitions[i];
        facts.replicas = i == 0 ? partition.replica_cnt : std::min(facts.replicas, partition.replica_cnt);
        if (partition.leader < 0) ++facts.leaderless;
        if (partition.isr_cnt < partition.replica_cnt) ++facts.behind;
    }
    facts.settings = settings_of(requests, RD_KAFKA_RESOURCE_TOPIC, topic.topic);
    return facts;
}

// Milliseconds since 1970 of the topic's newest record; -1: it has none.
std::int64_t newest_record(AdminClient& requests, const TopicFacts& topic, const std::string& in_cluster) {
    rdkafka::Partitions list(rd_kafka_topic_partition_list_new(topic.partitions));
    for (int i = 0; i < topic.partitions; ++i) {
        rd_kafka_topic_partition_list_add(list.get(), in_cluster.c_str(), i)->offset =
            RD_KAFKA_OFFSET_SPEC_MAX_TIMESTAMP;
    }
    const auto options = requests.options(RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    rd_kafka_ListOffsets(requests.client.get(), list.get(), options.get(), requests.queue.get());
    const auto event = requests.answer("asking for the newest record of " + topic.name);
    std::size_t count = 0;
    const auto* infos =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event.get()), &count);
    std::int64_t newest = -1;
    for (std::size_t i = 0; i < count; ++i) {
        newest = std::max(newest, rd_kafka_ListOffsetsResultInfo_timestamp(infos[i]));
    }
    return newest;
}

}  // namespace

ClusterFacts read_cluster_facts(const KafkaSettings& settings, const std::vector<std::string>& topics,
                                Millis deadline) {
    AdminClient requests(settings, deadline);
    const rd_kafka_metadata_t* told = nullptr;
    check(rd_kafka_metadata(requests.client.get(), 1, nullptr, &told, requests.millis()),
          "asking " + settings.brokers + " for the cluster's brokers");
    const Metadata metadata(told);
    ClusterFacts facts;
    for (int i = 0; i < metadata->broker_cnt; ++i) {
        const std::int32_t id = metadata->brokers[i].id;
        facts.brokers[id] = settings_of(requests, RD_KAFKA_RESOURCE_BROKER, std::to_string(id));
    }
    std::int64_t newest = -1;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
        const auto& topic = metadata->topics[i];
        const auto name = std::find_if(topics.begin(), topics.end(), [&](const auto& each) {
            return settings.in_cluster(each) == topic.topic;
        });
        if (name == topics.end()) continue;
        facts.topics.push_back(topic_facts(requests, *name, topic));
        if (facts.topics.back().leaderless == 0) {
            newest = std::max(newest, newest_record(requests, facts.topics.back(), topic.topic));
        }
    }
    const auto now = std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch());
    facts.ahead = std::max(Millis{0}, Millis{newest} - now);
    return facts;
}

}  // namespace relevo
