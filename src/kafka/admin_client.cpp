#include "kafka/admin_client.hpp"

#include <fmt/format.h>

#include <set>

namespace relevo::rdkafka {
namespace {

// What asking again cannot mend. Everything else passes: a broker that is away, a topic that was just made
// and that not every broker has heard of, a coordinator that moves.
bool is_final(rd_kafka_resp_err_t code) {
    static const std::set<rd_kafka_resp_err_t> final_ones{RD_KAFKA_RESP_ERR__AUTHENTICATION,
                                                          RD_KAFKA_RESP_ERR__INVALID_ARG,
                                                          RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED,
                                                          RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
                                                          RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
                                                          RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                                          RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                                                          RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
                                                          RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
                                                          RD_KAFKA_RESP_ERR_INVALID_PARTITIONS,
                                                          RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
                                                          RD_KAFKA_RESP_ERR_INVALID_CONFIG,
                                                          RD_KAFKA_RESP_ERR_INVALID_REQUEST,
                                                          RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
                                                          RD_KAFKA_RESP_ERR_POLICY_VIOLATION};
    return final_ones.contains(code);
}

}  // namespace

void check(rd_kafka_resp_err_t code, const std::string& what) {
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const bool refused = is_final(code);
    throw Failure({refused ? Fault::permanent : Fault::transient,
                   refused ? "kafka.refused" : "kafka.unavailable",
                   fmt::format("{}: {}", what, rd_kafka_err2str(code))});
}

AdminClient::AdminClient(const KafkaSettings& settings, const Millis& given)
    : deadline(given),
      // Not a producer: where a group's coordinator moves, librdkafka 2.15 looks for its own group when it is
      // asked for another's offsets, and crashes where it has none. Nobody joins this one.
      client(make_client(RD_KAFKA_CONSUMER, make_conf(settings, {{"group.id", "relevo.admin"}}))),
      queue(rd_kafka_queue_new(client.get())) {}

AdminOptions AdminClient::options(rd_kafka_admin_op_t operation) const {
    AdminOptions made(rd_kafka_AdminOptions_new(client.get(), operation));
    rd_kafka_AdminOptions_set_request_timeout(made.get(), millis(), nullptr, 0);
    return made;
}

Event AdminClient::answer(const std::string& what) {
    // The library answers by itself when the time is over. Whoever went away before that would leave its
    // answer to the next question.
    constexpr int grace_ms = 5'000;
    Event event(rd_kafka_queue_poll(queue.get(), millis() + grace_ms));
    if (!event) check(RD_KAFKA_RESP_ERR__TIMED_OUT, what);
    check(rd_kafka_event_error(event.get()), what);
    return event;
}

}  // namespace relevo::rdkafka
