#include "kafka/log_reader.hpp"

#include <doctest/doctest.h>

#include <map>

#include "tests/kafka/cluster.hpp"

using namespace relevo;
using namespace relevo::test;

namespace {

// Publishes one record after the other and gives all that the log has, in its order on each partition.
std::vector<Envelope> write_and_read(TestCluster& cluster, LogReader& reader,
                                     const std::vector<std::string>& values) {
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), cluster.settings, {});
    for (const auto& value : values) run(io, sink.publish({cluster.record("1:a", value)}));
    std::vector<Envelope> out;
    const SysTime now = SystemClock().now();
    const auto ranges =
        reader.find_ranges(cluster.topic(), now - std::chrono::hours(1), now + Millis{60'000});
    for (const auto& [partition, range] : ranges) {
        reader.read(cluster.topic(), partition, range, [&](Envelope record) {
            out.push_back(std::move(record));
            return true;
        });
    }
    return out;
}

}  // namespace

TEST_CASE("a range of time is read as it was written, with key, value and headers") {
    TestCluster cluster;
    LogReader reader(cluster.settings);
    const auto records = write_and_read(cluster, reader, {"x", "y", "z"});
    REQUIRE(records.size() == 3);
    CHECK(records[1].value == "y");
    CHECK(records[1].key == "1:a");
    CHECK(records[1].topic == cluster.topic());
    CHECK(records[1].headers.id == "y");
    CHECK(records[1].headers.installation == "here");
    const auto partition = records[1].partition;
    const auto from =
        reader.find_ranges(cluster.topic(), records[1].appended, records[2].appended + Millis{1});
    std::vector<std::string> values;
    reader.read(cluster.topic(), partition, from.at(partition), [&](Envelope record) {
        values.emplace_back(record.value);
        return values.size() < 2;
    });
    CHECK(values.back() == "z");
    CHECK(values.size() <= 3);
    const auto later = reader.find_ranges(cluster.topic(), records[2].appended + Millis{60'000},
                                          records[2].appended + Millis{120'000});
    CHECK(later.at(partition).from == later.at(partition).to);
}

TEST_CASE("reading the log leaves no trace: no group, no offset, no record") {
    TestCluster cluster;
    LogReader reader(cluster.settings);
    const auto records = write_and_read(cluster, reader, {"x", "y"});
    CHECK(records.size() == 2);
    std::int64_t end = 0;
    for (const auto& lag : KafkaAdmin(cluster.settings).lag(cluster.pipeline)) {
        CHECK(lag.committed == 0);
        end += lag.end;
    }
    CHECK(end == 2);
}

TEST_CASE("the oldest unsettled record tells how old it is, also where several groups read one topic") {
    TestCluster cluster;
    StageSpec second = cluster.pipeline.stages.front();
    second.name = "second";
    second.group += ".second";
    cluster.pipeline.stages.push_back(second);
    KafkaAdmin admin(cluster.settings);
    admin.apply(cluster.pipeline, 1, [](const std::string&) {});
    LogReader reader(cluster.settings);
    const auto records = write_and_read(cluster, reader, {"x", "y"});
    auto rows = admin.lag(cluster.pipeline);
    admin.find_oldest(rows);
    int late = 0;
    for (const auto& row : rows) {
        if (row.behind + row.held == 0) {
            CHECK_FALSE(row.oldest);
            continue;
        }
        ++late;
        CHECK(row.oldest == records.front().appended);
    }
    CHECK(late == 2);
}
