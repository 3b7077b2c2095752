#pragma once

#include <memory>

#include "kafka/settings.hpp"
#include "runtime/cluster.hpp"

namespace relevo {

/// The cluster through librdkafka's admin API; each call waits at most for `deadline` per request.
class KafkaAdmin final : public Cluster {
  public:
    explicit KafkaAdmin(const KafkaSettings& settings, Millis deadline = Millis{5'000});
    ~KafkaAdmin() override;

    std::vector<TopicState> topics(const PipelineSpec& pipeline) override;
    void apply(const PipelineSpec& pipeline, int replication,
               const std::function<void(std::string)>& progress) override;
    std::vector<PartitionLag> lag(const PipelineSpec& pipeline) override;
    /// Whether a broker answers.
    bool reachable();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace relevo
