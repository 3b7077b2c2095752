#pragma once

#include <vector>

#include "core/record.hpp"
#include "core/task.hpp"

namespace relevo {

/// Where records go.
class Sink {
  public:
    virtual ~Sink() = default;
    /// Returns when all of them are durable (acks=all). Throws Failure "kafka.unavailable" (transient) otherwise;
    /// some may have been written all the same, which computed ids make harmless.
    virtual Task<void> publish(std::vector<Record> records) = 0;
};

}  // namespace relevo
