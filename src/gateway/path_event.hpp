#pragma once

#include <string>
#include <vector>

#include "core/record.hpp"
#include "runtime/worker.hpp"

namespace relevo {

/// What the demo page is told of a settled record: a JSON object with trace, tenant, conversation, message,
/// turn, reply (null where the record names none), stage, outcome, reason, topic, partition, offset,
/// started_at, ms.
std::string path_event(const Settlement& settlement);
/// The same for what ingress wrote, one object a record.
std::string ingress_event(const Record& record, SysTime started, SysTime ended);

}  // namespace relevo
