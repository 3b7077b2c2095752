#pragma once

#include <string>

#include "core/clock.hpp"
#include "core/record.hpp"
#include "domain/gateway_stores.hpp"
#include "domain/inbound.hpp"

namespace relevo {

/// What ingress writes for a webhook that was verified as coming from `endpoint`: everything it said, in its
/// order. `traceparent` begins the path of all of them.
std::vector<Record> ingest(const Endpoint& endpoint, const Parsed& parsed, const std::string& installation,
                           const std::string& traceparent, SysTime now, Millis expires_after);

/// The headers of records that enter the pipeline now, rather than following from another record.
void stamp_ingress(std::vector<Record>& records, const std::string& installation,
                   const std::string& traceparent, SysTime now, Millis expires_after);

}  // namespace relevo
