#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"
#include "runtime/lanes.hpp"
#include "runtime/metrics.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/sink.hpp"
#include "runtime/source.hpp"

namespace relevo {

/// A piece of work that was settled, or tried in vain: for whoever watches the path of a message.
struct Settlement {
    const StageSpec& stage;
    const WorkRecords& records;
    std::string_view outcome;  ///< emit, drop, park, retry, dead
    std::string_view reason;   ///< of a drop or park, the code of an error, or ""
    const std::vector<Record>& emitted;
    SysTime started;
    SysTime ended;
};
using Observer = std::function<void(const Settlement&)>;

/// What a worker works with; all of it outlives the worker.
struct WorkerParts {
    Stage& stage;
    Source& source;
    Sink& sink;
    Timers& timers;
    DeadLetters& dead_letters;
    Clock& clock;
    Random& random;
    StageMetrics& metrics;
    std::string installation;  ///< stamped on every record
    Millis expires_after{std::chrono::hours(24)};
    Observer observer{};
};

}  // namespace relevo
