#pragma once

#include <librdkafka/rdkafka.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kafka/settings.hpp"

// Shared by this folder's .cpp files only: librdkafka's handles with owners, and its queues on an io_context.

namespace relevo::rdkafka {

template <auto destroy>
struct Destroy {
    template <class T>
    void operator()(T* pointer) const {
        destroy(pointer);
    }
};

using Client = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using Partitions =
    std::unique_ptr<rd_kafka_topic_partition_list_t, Destroy<rd_kafka_topic_partition_list_destroy>>;
using KafkaError = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;

using Options = std::vector<std::pair<const char*, std::string>>;

/// A configuration with what every client of ours has, and `options`. A setting that librdkafka does not take
/// is a mistake of ours: throws std::logic_error.
Conf make_conf(const KafkaSettings& settings, const Options& options);
/// Throws Failure "kafka.bad_settings" where librdkafka refuses.
Client make_client(rd_kafka_type_t type, Conf conf);

/// For kafka_problems.
void count_problem(rd_kafka_resp_err_t code);

/// Logs librdkafka's own lines and errors, at most one of a kind in ten seconds: a broker that is away logs
/// every 50 ms.
void log_event(rd_kafka_event_t* event);

/// Calls `ready` on the executor when a queue goes from empty to not empty. Queues are polled until empty.
class Wakeups {
  public:
    Wakeups(boost::asio::any_io_executor executor, std::function<void()> ready);
    ~Wakeups();
    void watch(rd_kafka_queue_t* queue);

  private:
    struct State;
    static void wait(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
    std::vector<rd_kafka_queue_t*> queues_;
};

}  // namespace relevo::rdkafka
