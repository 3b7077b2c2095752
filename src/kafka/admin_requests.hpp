#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kafka/settings.hpp"
#include "runtime/pipeline.hpp"

namespace relevo {

/// What a group has committed on one partition; nothing where `committed` is -1.
struct GroupOffset {
    std::int64_t committed = -1;
    std::string metadata;
};

/// One question each to the cluster, through librdkafka's admin API. Blocks at most for `deadline`; throws
/// Failure "kafka.unavailable" (transient) or "kafka.refused" (permanent).
class AdminRequests {
  public:
    AdminRequests(KafkaSettings given, Millis given_deadline);
    ~AdminRequests();

    /// Anew: a client that was told too early that there is no such topic goes on believing it.
    void connect();
    bool reachable();
    /// Partitions by topic, of this installation's.
    std::map<std::string, int> partitions();
    void create(const TopicSpec& spec, int replication);
    /// Of a topic that is there.
    void configure(const TopicSpec& spec);
    enum class Edge { earliest, latest };
    std::map<std::int32_t, std::int64_t> log_offsets(const std::string& topic, int count, Edge edge);
    std::map<std::int32_t, GroupOffset> group_offsets(const std::string& group, const std::string& topic,
                                                      int count);
    /// How many consumers each group has; 0 of one that nobody has heard of.
    std::map<std::string, int> members(const std::vector<std::string>& groups);
    void set_group_offsets(const std::string& group, const std::string& topic,
                           const std::map<std::int32_t, std::int64_t>& offsets);

    const KafkaSettings settings;
    Millis deadline;

  private:
    struct Handles;
    std::unique_ptr<Handles> handles_;
};

}  // namespace relevo
