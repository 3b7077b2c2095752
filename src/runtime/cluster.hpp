#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "runtime/pipeline.hpp"

namespace relevo {

/// How far one group is on one partition. behind: in the log and in no lane; held: taken and not settled
/// (open windows, running calls).
struct PartitionLag {
    std::string stage;
    std::string group;
    std::string topic;
    std::int32_t partition = 0;
    std::int64_t end = 0;         ///< one past the newest record
    std::int64_t committed = -1;  ///< -1: the group has no offset yet
    std::int64_t behind = 0;
    std::int64_t held = 0;
    /// When the oldest unsettled record was appended. Of find_oldest; none where all is settled or its record
    /// could not be read in time.
    std::optional<SysTime> oldest{};
    std::optional<int> workers{};  ///< that the group has, for all its partitions
};

struct TopicState {
    std::string name;
    int declared = 0;  ///< partitions in the pipeline file
    int actual = 0;    ///< partitions in the cluster; 0: it is not there
};

/// The cluster, for the command line: every call blocks, for some seconds at most. Errors throw Failure
/// "kafka.unavailable" (transient) or "kafka.refused" (permanent).
class Cluster {
  public:
    virtual ~Cluster() = default;
    virtual std::vector<TopicState> topics(const PipelineSpec& pipeline) = 0;
    /// Creates the topics that are missing, with `replication` copies, sets up the others as the file has it,
    /// and gives each group that has none a first offset: the oldest record. Refuses ("kafka.refused") a
    /// topic whose partitions differ from the file: keys would move. Tells `progress` each step.
    virtual void apply(const PipelineSpec& pipeline, int replication,
                       const std::function<void(std::string)>& progress) = 0;
    virtual std::vector<PartitionLag> lag(const PipelineSpec& pipeline) = 0;
    /// Fills in `oldest`: reads the first unsettled record of each row.
    virtual void find_oldest(std::vector<PartitionLag>& rows) = 0;
};

}  // namespace relevo
