#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/error.hpp"
#include "core/record.hpp"
#include "core/task.hpp"

namespace relevo {

/// Where records go.
class Sink {
  public:
    virtual ~Sink() = default;

    /// With nothing: all of them are durable (acks=all). Otherwise "kafka.unavailable" (transient) or
    /// "kafka.too_large" (permanent); some may have been written all the same, which computed ids make
    /// harmless.
    using Appended = std::function<void(std::optional<Error>)>;
    /// Writes the records and tells `appended` once, later, on the owner's io_context; never from within the
    /// call, and not at all when the sink is destroyed before.
    virtual void append(std::vector<Record> records, Appended appended) = 0;

    /// The same for who waits, and can be cancelled. Throws Failure.
    Task<void> publish(std::vector<Record> records);
};

}  // namespace relevo
