#include "kafka/admin.hpp"

#include <doctest/doctest.h>

#include "tests/kafka/cluster.hpp"

using namespace relevo;
using namespace relevo::test;

TEST_CASE("topics are made as declared, and applying twice changes nothing") {
    TestCluster cluster;
    KafkaAdmin admin(cluster.settings);
    const auto topics = admin.topics(cluster.pipeline);
    REQUIRE(topics.size() == 1);
    CHECK(topics.front().declared == 4);
    CHECK(topics.front().actual == 4);
    std::vector<std::string> steps;
    admin.apply(cluster.pipeline, 1, [&](std::string step) { steps.push_back(std::move(step)); });
    CHECK(steps == std::vector<std::string>{"topic " + cluster.topic() + ": there, 4 partitions"});
}

TEST_CASE("another number of partitions is refused, because keys would move") {
    TestCluster cluster;
    cluster.pipeline.topics.front().partitions = 8;
    try {
        KafkaAdmin(cluster.settings).apply(cluster.pipeline, 1, [](const std::string&) {});
        FAIL("it was taken");
    } catch (const Failure& failure) {
        CHECK(failure.error().code == "kafka.refused");
        CHECK(failure.error().text.find("has 4 partitions") != std::string::npos);
    }
}

TEST_CASE("a topic that is there gets the size limit that is declared now") {
    TestCluster cluster;
    cluster.pipeline.topics.front().max_message_bytes = 1'000;
    KafkaAdmin(cluster.settings).apply(cluster.pipeline, 1, [](const std::string&) {});
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), cluster.settings, {});
    const std::vector<Record> large{cluster.record("1:a", SystemRandom().hex(2'000))};
    std::string code;
    for (int tries = 0; tries < 200 && code.empty(); ++tries) {  // the broker hears of it a moment later
        try {
            run(io, sink.publish(large));
        } catch (const Failure& failure) {
            code = failure.error().code;
        }
    }
    CHECK(code == "kafka.too_large");
}

TEST_CASE("a new group starts with the oldest record") {
    TestCluster cluster;
    for (const auto& lag : KafkaAdmin(cluster.settings).lag(cluster.pipeline)) {
        CHECK(lag.committed == 0);
        CHECK(lag.behind == 0);
    }
}

TEST_CASE("a broker that is away is told as such") {
    KafkaAdmin admin(KafkaSettings{"127.0.0.1:1"}, Millis{300});
    CHECK(!admin.reachable());
    CHECK_THROWS_AS(admin.topics({}), Failure);
}
