#pragma once

#include <memory>

#include "kafka/settings.hpp"
#include "runtime/cluster.hpp"

namespace relevo {

class AdminRequests;
class LogReader;

/// The cluster through librdkafka's admin API; each call waits at most for `deadline` per request.
class KafkaAdmin final : public Cluster {
  public:
    explicit KafkaAdmin(const KafkaSettings& settings, Millis deadline = Millis{5'000});
    ~KafkaAdmin() override;

    std::vector<TopicState> topics(const PipelineSpec& pipeline) override;
    void apply(const PipelineSpec& pipeline, int replication,
               const std::function<void(std::string)>& progress) override;
    std::vector<PartitionLag> lag(const PipelineSpec& pipeline) override;
    void find_oldest(std::vector<PartitionLag>& rows) override;
    /// Whether a broker answers.
    bool reachable();

  private:
    std::unique_ptr<AdminRequests> requests_;
    std::unique_ptr<LogReader> reader_;  // made when it is needed
};

}  // namespace relevo
