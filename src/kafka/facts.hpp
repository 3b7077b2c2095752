#pragma once

#include <string>
#include <vector>

#include "domain/facts.hpp"
#include "kafka/settings.hpp"

namespace relevo {

/// What the cluster says of itself and of these topics; blocks, at most for `deadline` per question. Throws
/// as Cluster does.
ClusterFacts read_cluster_facts(const KafkaSettings& settings, const std::vector<std::string>& topics,
                                Millis deadline = Millis{5'000});

}  // namespace relevo
