#pragma once

#include <string>

#include "core/error.hpp"

namespace relevo {

struct KafkaSettings {
    std::string brokers;  ///< host:port, comma-separated
};

}  // namespace relevo
