#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "domain/gateway_stores.hpp"
#include "http/router.hpp"
#include "runtime/metrics.hpp"

namespace relevo {

/// A server that the process works with.
struct Dependency {
    std::string name;
    std::function<Task<bool>()> answers;                 ///< within a few seconds; never throws
    std::function<bool()> needed = [] { return true; };  ///< whether nothing can be taken without it now
};

/// When a thread of ours last went through its loop.
struct Heartbeat {
    std::string name;
    std::function<SysTime()> last_turn;
};

/// Figures that somebody else has: put into the metrics when these are read, five seconds old at most. Within
/// a few seconds; never throws.
using Gather = std::function<Task<void>(Metrics&)>;

/// Adds to relevo_<name>_total{label_name=label} what `counter`, which never falls, grew by since it was last
/// read.
Gather gather_growth(std::string name, std::string help, std::string label_name, std::string label,
                     std::function<std::uint64_t()> counter);

/// What waits in the installation, as relevo_backlog_…; nothing of it while the store does not answer. Every
/// process tells the same.
Gather gather_backlog(BacklogStore& store, Clock& clock);

/// /healthz: the process turns its loops (503: restart it). /readyz: each dependency by name (503: one that
/// is needed is away; send no requests). /metrics: what Prometheus reads.
class Health {
  public:
    Health(std::vector<Dependency> dependencies, std::vector<Heartbeat> heartbeats,
           std::vector<Gather> gathers, Metrics& metrics, Clock& clock)
        : dependencies_(std::move(dependencies)),
          heartbeats_(std::move(heartbeats)),
          gathers_(std::move(gathers)),
          metrics_(metrics),
          clock_(clock) {}

    void add_routes(Router& router);

  private:
    HttpResponse alive() const;
    Task<HttpResponse> ready();
    Task<bool> answers_soon(const Dependency& dependency);
    Task<HttpResponse> figures();
    Task<void> gather();

    std::vector<Dependency> dependencies_;
    std::vector<Heartbeat> heartbeats_;
    std::vector<Gather> gathers_;
    Metrics& metrics_;
    Clock& clock_;
    std::weak_ptr<int> gathering_;  // somebody does, while it lasts
    SysTime gathered_at_{};
};

}  // namespace relevo
