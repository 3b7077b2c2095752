#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "http/router.hpp"
#include "runtime/metrics.hpp"

namespace relevo {

/// Something that the process cannot do its work without.
struct Dependency {
    std::string name;
    std::function<Task<bool>()> answers;  ///< within a few seconds; never throws
};

/// When a thread of ours last went through its loop.
struct Heartbeat {
    std::string name;
    std::function<SysTime()> last_turn;
};

/// Figures that somebody else counts: put into the metrics whenever these are read.
using Gather = std::function<void(Metrics&)>;

/// Adds to relevo_<name>_total{label_name=label} what `counter`, which never falls, grew by since it was last
/// read.
Gather gather_growth(std::string name, std::string help, std::string label_name, std::string label,
                     std::function<std::uint64_t()> counter);

/// /healthz: the process turns its loops (503: restart it). /readyz: each dependency by name (503: one is
/// away). /metrics: what Prometheus reads.
class Health {
  public:
    Health(std::vector<Dependency> dependencies, std::vector<Heartbeat> heartbeats, Gather gather,
           Metrics& metrics, Clock& clock)
        : dependencies_(std::move(dependencies)),
          heartbeats_(std::move(heartbeats)),
          gather_(std::move(gather)),
          metrics_(metrics),
          clock_(clock) {}

    void add_routes(Router& router);

  private:
    HttpResponse alive() const;
    Task<HttpResponse> ready();

    std::vector<Dependency> dependencies_;
    std::vector<Heartbeat> heartbeats_;
    Gather gather_;
    Metrics& metrics_;
    Clock& clock_;
};

}  // namespace relevo
