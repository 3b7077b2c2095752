#pragma once

#include <librdkafka/rdkafka.h>

#include "core/record.hpp"

// Shared by this folder's .cpp files only: CloudEvents attributes as Kafka headers, in binary mode
// (CloudEvents, Kafka protocol binding 1.0).

namespace relevo::rdkafka {

/// The views live as long as the message.
HeaderViews read_headers(const rd_kafka_message_t* message);
/// The caller owns it until librdkafka takes it over.
rd_kafka_headers_t* write_headers(const Headers& headers);

}  // namespace relevo::rdkafka
