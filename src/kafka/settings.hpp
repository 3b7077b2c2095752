#pragma once

#include <string>

#include "core/error.hpp"

namespace relevo {

struct KafkaSettings {
    std::string brokers;  ///< host:port, comma-separated
    /// What topics and groups begin with in the cluster, so that installations may share one. Nobody beyond
    /// this folder sees it: records, pipelines and offsets go by the plain names.
    std::string prefix{};

    std::string in_cluster(const std::string& name) const { return prefix + name; }
};

}  // namespace relevo
