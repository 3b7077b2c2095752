#pragma once

#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/record.hpp"
#include "domain/live.hpp"
#include "runtime/worker_parts.hpp"

namespace relevo {

/// What the demo page is told of a settled record: a JSON object with trace, tenant, conversation, message,
/// turn, reply (null where the record names none), stage, outcome, reason, topic, partition, offset,
/// started_at, ms.
std::string path_event(const Settlement& settlement);
/// The same for what ingress wrote, one object a record.
std::string ingress_event(const Record& record, SysTime started, SysTime ended);

/// Tells both on path_channel.
class PathPublisher final : public Observer {
  public:
    PathPublisher(Live& live, Clock& clock) : live_(live), clock_(clock) {}
    void ingested(const std::vector<Record>& records, SysTime started) override;
    void settled(const Settlement& settlement) override;

  private:
    Live& live_;
    Clock& clock_;
};

}  // namespace relevo
