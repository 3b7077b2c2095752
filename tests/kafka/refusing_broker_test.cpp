#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>
// needs the one above
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <memory>

#include "tests/kafka/cluster.hpp"

using namespace relevo;
using namespace relevo::test;

namespace {

constexpr std::int16_t offset_commit = 8;  // Kafka protocol, API keys

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

// librdkafka's own broker: it refuses on demand, which a real one does only by chance.
struct RefusingBroker {
    RefusingBroker() : mock(rd_kafka_mock_cluster_new(client.get(), 1), rd_kafka_mock_cluster_destroy) {
        settings.brokers = rd_kafka_mock_cluster_bootstraps(mock.get());
        rd_kafka_mock_topic_create(mock.get(), "records", 1, 1);
    }

    std::int64_t committed() const {
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        rd_kafka_conf_set(conf, "bootstrap.servers", settings.brokers.c_str(), nullptr, 0);
        rd_kafka_conf_set(conf, "group.id", "reader", nullptr, 0);
        const Owned<rd_kafka_t> reader(rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0), rd_kafka_destroy);
        const Owned<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1),
                                                          rd_kafka_topic_partition_list_destroy);
        rd_kafka_topic_partition_list_add(list.get(), "records", 0);
        REQUIRE(rd_kafka_committed(reader.get(), list.get(), 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
        return list->elems[0].offset;
    }

    /// Since the tracking of requests began.
    std::size_t asked_to_commit() const {
        std::size_t count = 0;
        rd_kafka_mock_request_t** requests = rd_kafka_mock_get_requests(mock.get(), &count);
        std::size_t commits = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (rd_kafka_mock_request_api_key(requests[i]) == offset_commit) ++commits;
        }
        rd_kafka_mock_request_destroy_array(requests, count);
        return commits;
    }

    Owned<rd_kafka_t> client{rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0),
                             rd_kafka_destroy};
    Owned<rd_kafka_mock_cluster_t> mock;
    KafkaSettings settings;
};

Task<void> read_until(KafkaSource& source, std::function<bool(const SourceEvent&)> enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < deadline) {
        const SourceEvent event = co_await source.next(true, Millis{50});
        if (enough(event)) co_return;
    }
    FAIL("a minute passed");
}

}  // namespace

TEST_CASE("a commit that the broker refuses is made again, though nothing new comes") {
    RefusingBroker broker;
    boost::asio::io_context io;
    KafkaSource::Limits limits;
    limits.commit_again = Millis{50};
    KafkaSource source(io.get_executor(), broker.settings, "reader", "records", limits);
    run(io, read_until(source, [](const SourceEvent& it) { return std::holds_alternative<Assigned>(it); }));
    rd_kafka_mock_push_request_errors(
        broker.mock.get(), offset_commit, 3, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    source.commit(std::vector<Commit>{{0, Offset{7}, Offset{7}}});
    run(io, read_until(source, [&](const SourceEvent&) { return broker.committed() == 7; }));
    CHECK(broker.committed() == 7);
    run(io, source.close({}));
}

TEST_CASE("an offset that is committed again does not stand over a later one") {
    RefusingBroker broker;
    boost::asio::io_context io;
    KafkaSource source(io.get_executor(), broker.settings, "reader", "records", {});
    run(io, read_until(source, [](const SourceEvent& it) { return std::holds_alternative<Assigned>(it); }));
    rd_kafka_mock_start_request_tracking(broker.mock.get());
    rd_kafka_mock_push_request_errors(broker.mock.get(), offset_commit, 1,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    source.commit(std::vector<Commit>{{0, Offset{7}, Offset{7}}});  // refused, and asked again
    source.commit(std::vector<Commit>{{0, Offset{8}, Offset{8}}});
    run(io, read_until(source, [&](const SourceEvent&) { return broker.asked_to_commit() >= 3; }));
    run(io, source.close({}));
    CHECK(broker.committed() == 8);
}
