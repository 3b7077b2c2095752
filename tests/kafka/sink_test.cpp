#include "kafka/sink.hpp"

#include <doctest/doctest.h>

#include "tests/kafka/cluster.hpp"

using namespace relevo;
using namespace relevo::test;

namespace {

Error publish_error(boost::asio::io_context& io, KafkaSink& sink, const Record& record) {
    try {
        run(io, sink.publish({record}));
    } catch (const Failure& failure) {
        return failure.error();
    }
    return {Fault::permanent, "none", ""};
}

}  // namespace

TEST_CASE("publish returns when the broker has every record") {
    TestCluster cluster;
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), cluster.settings, {});
    std::vector<Record> records;
    for (int i = 0; i < 1'000; ++i) records.push_back(cluster.record("1:" + std::to_string(i), "value"));
    run(io, sink.publish(std::move(records)));
    std::int64_t end = 0;
    for (const auto& lag : KafkaAdmin(cluster.settings).lag(cluster.pipeline)) end += lag.end;
    CHECK(end == 1'000);
}

TEST_CASE("a record that no broker would take is a permanent fault") {
    TestCluster cluster;
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), cluster.settings, {});
    const Error error = publish_error(io, sink, cluster.record("1:a", std::string(10 << 20, 'x')));
    CHECK(error.code == "kafka.too_large");
    CHECK(error.fault == Fault::permanent);
}

TEST_CASE("a broker that is away is a transient fault, told within the delivery timeout") {
    TestCluster cluster;
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), KafkaSettings{"127.0.0.1:1"}, {Millis{300}, Millis{0}, 10});
    const Error error = publish_error(io, sink, cluster.record("1:a", "value"));
    CHECK(error.code == "kafka.unavailable");
    CHECK(error.fault == Fault::transient);
}

TEST_CASE("a full queue refuses at once instead of growing") {
    TestCluster cluster;
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), KafkaSettings{"127.0.0.1:1"}, {Millis{300}, Millis{0}, 10});
    std::vector<Record> records;
    for (int i = 0; i < 50; ++i) records.push_back(cluster.record("1:a", "value"));
    CHECK_THROWS_AS(run(io, sink.publish(std::move(records))), Failure);
}
