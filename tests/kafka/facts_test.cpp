#include "kafka/facts.hpp"

#include <doctest/doctest.h>

#include "tests/kafka/cluster.hpp"

using namespace relevo;
using namespace relevo::test;

TEST_CASE("a cluster tells its brokers' and topics' settings, and of topics only those that are asked for") {
    TestCluster cluster;
    const auto facts = read_cluster_facts(cluster.settings, {cluster.topic(), "test.nobody.made.this"});
    REQUIRE(facts.brokers.size() == 1);
    const auto& broker = facts.brokers.begin()->second;
    // how doctor tells Kafka 4 from older ones
    CHECK_FALSE(broker.contains("inter.broker.protocol.version"));
    CHECK(broker.at("group.coordinator.rebalance.protocols").find("consumer") != std::string::npos);
    CHECK(broker.at("offsets.retention.minutes") == "21600");
    CHECK(broker.at("group.consumer.session.timeout.ms") == "6000");
    CHECK(broker.at("auto.create.topics.enable") == "false");
    REQUIRE(facts.topics.size() == 1);
    const auto& topic = facts.topics.front();
    CHECK(topic.name == cluster.topic());
    CHECK(topic.partitions == 4);
    CHECK(topic.replicas == 1);
    CHECK(topic.leaderless == 0);
    CHECK(topic.behind == 0);
    CHECK(topic.settings.at("message.timestamp.type") == "LogAppendTime");
    CHECK(topic.settings.at("retention.ms") == "1209600000");
    CHECK(topic.settings.at("cleanup.policy") == "delete");
    CHECK(topic.settings.at("min.insync.replicas") == "1");
}

TEST_CASE("the newest record's time is not in the future where broker and reader share a clock") {
    TestCluster cluster;
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), cluster.settings, {});
    run(io, sink.publish({cluster.record("1:a", "x")}));
    CHECK(read_cluster_facts(cluster.settings, {cluster.topic()}).ahead < Millis{2'000});
}

TEST_CASE("a cluster that is away is told as such, within the deadline") {
    const KafkaSettings nowhere{"127.0.0.1:1"};
    try {
        read_cluster_facts(nowhere, {}, Millis{300});
        FAIL("somebody answered");
    } catch (const Failure& failure) {
        CHECK(failure.error().code == "kafka.unavailable");
        CHECK(failure.error().text.find("127.0.0.1:1") != std::string::npos);
    }
}
