#include "tests/cli/healthy.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Fixture : Healthy {
    std::string complain() const { return complaints(cluster_checks(), kafka, *this); }
    ServerSettings& topic() { return kafka.topics.front().settings; }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "of a cluster in which all is well nothing is said") {
    CHECK(complain() == "");
    CHECK(complaints(group_checks(), lag, *this) == "");
}

TEST_CASE_FIXTURE(Fixture, "a broker older than 4.0 gives itself away by a setting that 4.0 took away") {
    kafka.brokers[2]["inter.broker.protocol.version"] = "3.9-IV0";
    check_one(complain(), "Kafka version: wrong: ", {"broker 2", "4.0", "upgrade"});
}

TEST_CASE_FIXTURE(Fixture, "a broker without the consumer protocol is wrong") {
    kafka.brokers[3]["group.coordinator.rebalance.protocols"] = "classic";
    check_one(complain(), "Kafka version: wrong: ", {"broker 3", "classic"});
}

TEST_CASE_FIXTURE(Fixture, "a topic that is not there is wrong") {
    kafka.topics.clear();
    check_one(complain(), "topics: wrong: ", {"turns.ready is not there", "relevo topics apply"});
}

TEST_CASE_FIXTURE(Fixture, "another number of partitions is wrong") {
    kafka.topics.front().partitions = 6;
    check_one(complain(), "topics: wrong: ", {"6 partitions, 12 are declared"});
}

TEST_CASE_FIXTURE(Fixture, "a topic's other settings must be as declared") {
    for (const auto& [name, value] : ServerSettings{{"message.timestamp.type", "CreateTime"},
                                                    {"cleanup.policy", "compact"},
                                                    {"max.message.bytes", "1048588"}}) {
        Fixture other;
        other.topic()[name] = value;
        check_one(other.complain(), "topics: wrong: ", {name + "=" + value, "relevo topics apply"});
    }
}

TEST_CASE_FIXTURE(Fixture, "a topic that forgets sooner than declared loses messages in an outage") {
    topic()["retention.ms"] = "86400000";
    check_one(complain(), "retention: wrong: ", {"for 24 h, 336 h are declared", "relevo topics apply"});
}

TEST_CASE_FIXTURE(Fixture,
                  "a topic that remembers longer than the keys that make a replay harmless is wrong") {
    topic()["retention.ms"] = "2592000000";
    check_one(complain(), "retention: wrong: ", {"720 h", "14 days"});
    topic()["retention.ms"] = "-1";
    check_one(complain(), "retention: wrong: ", {"for ever", "what an erased person wrote"});
    topic()["retention.ms"] = "1209600000";
    topic()["segment.ms"] = "604800000";
    check_one(complain(), "retention: wrong: ", {"segment.ms=604800000", "168 h longer"});
    topic()["segment.ms"] = "86400000";
    CHECK(complain() == "");
}

TEST_CASE_FIXTURE(Fixture, "who was erased must not be forgotten") {
    pipelines.front().topics.front().retention = kept_forever;
    check_one(complain(), "retention: wrong: ", {"forgets after 336 h who was erased"});
    topic()["retention.ms"] = "-1";
    CHECK(complain() == "");
}

TEST_CASE_FIXTURE(Fixture, "a topic that deletes by size is wrong") {
    topic()["retention.bytes"] = "1000000";
    check_one(complain(), "retention: wrong: ", {"retention.bytes=1000000", "kafka-configs.sh"});
}

TEST_CASE_FIXTURE(Fixture, "offsets that die before their records are wrong") {
    kafka.brokers[1]["offsets.retention.minutes"] = "10080";
    check_one(complain(), "offsets retention: wrong: ", {"broker 1", "10080", "at least 20160"});
}

TEST_CASE_FIXTURE(Fixture,
                  "fewer copies than configured, a partition without leader and a copy that lags are told") {
    kafka.topics.front().replicas = 2;
    check_one(complain(), "replication: wrong: ", {"2 copies, kafka.replication says 3"});
    kafka.topics.front().replicas = 3;
    kafka.topics.front().leaderless = 1;
    check_one(complain(), "replication: wrong: ", {"1 partitions have no leader"});
    kafka.topics.front().leaderless = 0;
    kafka.topics.front().behind = 4;
    check_one(complain(), "replication: warning: ", {"4 partitions", "in sync"});
}

TEST_CASE_FIXTURE(Fixture, "an acknowledgement of one broker alone is wrong where there are three") {
    topic()["min.insync.replicas"] = "1";
    check_one(complain(), "replication: wrong: ",
              {"min.insync.replicas=1", "one broker alone", "--add-config min.insync.replicas=2"});
    topic()["min.insync.replicas"] = "4";
    check_one(complain(), "replication: wrong: ", {"takes no record"});
}

TEST_CASE_FIXTURE(Fixture, "a leader that missed records is wrong") {
    kafka.brokers[1]["unclean.leader.election.enable"] = "true";
    check_one(complain(), "replication: wrong: ", {"broker 1", "unclean"});
}

TEST_CASE_FIXTURE(Fixture, "one broker alone is a warning") {
    config.replication = 1;
    topic()["min.insync.replicas"] = "1";
    kafka.topics.front().replicas = 1;
    check_one(complain(), "replication: warning: ", {"does not fsync", "three brokers"});
}

TEST_CASE_FIXTURE(Fixture, "the defaults of groups are told as slow") {
    kafka.brokers[1]["group.consumer.session.timeout.ms"] = "45000";
    check_one(complain(), "group timeouts: warning: ", {"45000", "killed"});
    kafka.brokers[1]["group.consumer.session.timeout.ms"] = "6000";
    kafka.brokers[1]["group.consumer.heartbeat.interval.ms"] = "5000";
    check_one(complain(), "group timeouts: warning: ", {"5000"});
}

TEST_CASE_FIXTURE(Fixture, "a broker that makes topics by itself is a warning") {
    kafka.brokers[1]["auto.create.topics.enable"] = "true";
    check_one(complain(), "topic creation: warning: ", {"auto.create.topics.enable=false"});
}

TEST_CASE_FIXTURE(Fixture, "a clock that is ahead is a warning, and wrong from half a minute on") {
    kafka.ahead = Millis{1'999};
    CHECK(complain() == "");
    kafka.ahead = Millis{5'000};
    check_one(complain(), "Kafka clock: warning: ", {"5 s ahead of ours", "NTP"});
    kafka.ahead = Millis{40'000};
    check_one(complain(), "Kafka clock: wrong: ", {"40 s ahead"});
}

TEST_CASE_FIXTURE(Fixture, "a group without an offset is wrong, one far behind a warning") {
    lag.front().committed = -1;
    check_one(complaints(group_checks(), lag, *this),
              "group offsets: wrong: ", {"relevo.infer", "relevo topics apply"});
    lag.front().committed = 0;
    lag.front().behind = 20'000;
    check_one(complaints(group_checks(), lag, *this),
              "lag: warning: ", {"infer is 20000 records behind", "relevo run infer"});
}

TEST_CASE_FIXTURE(Fixture, "a stage without a worker is a warning, and wrong where records wait for it") {
    lag.front().workers = 0;
    check_one(complaints(group_checks(), lag, *this),
              "workers: warning: ", {"nobody works on infer", "relevo run infer"});
    lag.front().held = 1;
    check_one(complaints(group_checks(), lag, *this),
              "workers: wrong: ", {"1 records wait", "relevo run infer"});
    lag.front().workers = 1;
    CHECK(complaints(group_checks(), lag, *this) == "");
}
