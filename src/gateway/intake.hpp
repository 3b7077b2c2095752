#pragma once

#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "domain/gateway_stores.hpp"
#include "domain/inbound.hpp"
#include "domain/records.hpp"
#include "runtime/metrics.hpp"
#include "runtime/sink.hpp"
#include "runtime/worker_parts.hpp"

namespace relevo {

/// Writes what came in to the log; shared by webhooks and sockets.
struct Intake {
    Sink& sink;
    Clock& clock;
    Random& random;
    Metrics& metrics;
    std::string installation;
    Millis expires_after{std::chrono::hours(24)};
    std::vector<Observer*> observers{};

    /// Returns when the log has all of it. Throws the sink's Failure otherwise: "kafka.too_large"
    /// is permanent, all others are transient.
    Task<void> take(Endpoint endpoint, Parsed parsed);
    /// Asks relay to send a reply that is stored. Throws as `take`.
    Task<void> request(ReplyReady reply);
};

}  // namespace relevo
