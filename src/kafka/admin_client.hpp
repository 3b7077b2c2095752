#pragma once

#include <string>

#include "kafka/client.hpp"

// Shared by this folder's .cpp files only.

namespace relevo::rdkafka {

using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, Destroy<rd_kafka_AdminOptions_destroy>>;
using ConfigResource = std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;

/// Throws Failure "kafka.refused" (permanent) where asking again cannot mend it, else "kafka.unavailable";
/// `what` was being done.
void check(rd_kafka_resp_err_t code, const std::string& what);

/// A client that puts questions to the cluster, one after the other; each blocks for `deadline` at most,
/// which outlives it and may change.
class AdminClient {
  public:
    AdminClient(const KafkaSettings& settings, const Millis& given);

    int millis() const { return static_cast<int>(deadline.count()); }
    AdminOptions options(rd_kafka_admin_op_t operation) const;
    /// Of the request that was made last, on `queue`.
    Event answer(const std::string& what);

    const Millis& deadline;
    Client client;
    Queue queue;
};

}  // namespace relevo::rdkafka
