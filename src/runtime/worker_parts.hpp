#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "domain/pauses.hpp"
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

/// Watches the work, for a trace or a page that shows it. Called on the thread that does the work and that
/// waits for it: it is quick and throws nothing. A piece of work is taken once; what failed is handled again.
class Observer {
  public:
    virtual ~Observer() = default;
    /// These came in from outside, and are about to be written to the log.
    virtual void received(const std::vector<Record>&) {}
    /// The log has them; whoever sent them is told so now.
    virtual void ingested(const std::vector<Record>&, SysTime /*started*/) {}
    /// A lane handed it out.
    virtual void taken(const StageSpec&, const WorkRecords&) {}
    /// The stage has decided; nothing of what follows is done yet.
    virtual void handled(const StageSpec&, const WorkRecords&) {}
    /// The log has what the stage emits.
    virtual void published(const StageSpec&, const WorkRecords&) {}
    /// Its offsets count as finished from here on.
    virtual void settled(const Settlement&) {}
    /// The broker was given these offsets.
    virtual void committed(const StageSpec&, const std::vector<Commit>&) {}
};

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
    std::vector<Observer*> observers{};
    Pauses* pauses = nullptr;  ///< none: nothing is ever paused
};

}  // namespace relevo
