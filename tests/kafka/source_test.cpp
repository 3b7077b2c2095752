#include "kafka/source.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <set>

#include "tests/kafka/cluster.hpp"

using namespace relevo;
using namespace relevo::test;

namespace {

// What a member has seen; reads until `enough` says so, at most for a minute.
struct Seen {
    std::vector<std::string> values;
    std::vector<Envelope> records;
    std::set<std::int32_t> assigned;
    std::set<std::int32_t> ends;
};

Task<void> read_until(KafkaSource& source, Seen& seen, std::function<bool()> enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!enough() && std::chrono::steady_clock::now() < deadline) {
        SourceEvent event = co_await source.next(true, Millis{100});
        if (auto* fetched = std::get_if<Fetched>(&event)) {
            for (auto& record : fetched->records) {
                seen.values.emplace_back(record.value);
                seen.records.push_back(std::move(record));
            }
        } else if (auto* assigned = std::get_if<Assigned>(&event)) {
            seen.assigned.insert(assigned->partitions.begin(), assigned->partitions.end());
        } else if (auto* end = std::get_if<ReachedEnd>(&event)) {
            seen.ends.insert(end->partition);
        } else if (auto* revoked = std::get_if<Revoked>(&event)) {
            for (const auto partition : revoked->partitions) seen.assigned.erase(partition);
            co_await source.release(*revoked, {});
        }
    }
    CHECK(enough());
}

}  // namespace

TEST_CASE("a record arrives with its key, its value, its headers and the broker's time") {
    TestCluster cluster;
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), cluster.settings, {});
    KafkaSource source(io.get_executor(), cluster.settings, cluster.group(), cluster.topic(), {});
    std::vector<Record> records{cluster.record("1:a", "first")};
    run(io, sink.publish(records));
    Seen seen;
    run(io, read_until(source, seen, [&] { return seen.records.size() == 1; }));
    const Envelope& record = seen.records.front();
    CHECK(record.topic == cluster.topic());
    CHECK(record.key == "1:a");
    CHECK(record.value == "first");
    CHECK(record.headers.id == "first");
    CHECK(record.headers.type == "relevo.test.v1");
    CHECK(record.headers.traceparent == records.front().headers.traceparent);
    CHECK(record.headers.installation == "here");
    CHECK(record.headers.expires == records.front().headers.expires);
    const auto age = SystemClock().now() - record.appended;
    CHECK(age < std::chrono::minutes(5));
    CHECK(age > -std::chrono::minutes(5));
}

TEST_CASE("two installations of one cluster share the topic's name and no record") {
    TestCluster cluster;
    KafkaSettings other = cluster.settings;
    other.prefix = cluster.topic() + "-other.";
    KafkaAdmin(other).apply(cluster.pipeline, 1, [](const std::string&) {});
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), other, {});
    run(io, sink.publish({cluster.record("1:a", "theirs")}));
    KafkaSource source(io.get_executor(), other, cluster.group(), cluster.topic(), {});
    Seen seen;
    run(io, read_until(source, seen, [&] { return seen.records.size() == 1; }));
    CHECK(seen.records.front().topic == cluster.topic());
    const auto written = [&](const KafkaSettings& settings) {
        std::int64_t end = 0;
        for (const auto& lag : KafkaAdmin(settings).lag(cluster.pipeline)) end += lag.end;
        return end;
    };
    CHECK(written(other) == 1);
    CHECK(written(cluster.settings) == 0);
    CHECK(KafkaAdmin(other).topics(cluster.pipeline).front().actual == 4);
}

TEST_CASE("records that are not wanted stay until they are") {
    TestCluster cluster;
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), cluster.settings, {});
    KafkaSource source(io.get_executor(), cluster.settings, cluster.group(), cluster.topic(), {});
    Seen seen;
    run(io, read_until(source, seen, [&] { return seen.ends.size() == 4; }));
    std::vector<Record> records{cluster.record("1:a", "kept")};
    run(io, sink.publish(records));
    for (int i = 0; i < 5; ++i) {
        const SourceEvent event = run(io, source.next(false, Millis{100}));
        CHECK(!std::holds_alternative<Fetched>(event));
    }
    run(io, read_until(source, seen, [&] { return seen.values == std::vector<std::string>{"kept"}; }));
}

TEST_CASE("the end of each partition is told after its records") {
    TestCluster cluster;
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), cluster.settings, {});
    std::vector<Record> records;
    for (int i = 0; i < 100; ++i)
        records.push_back(cluster.record("1:" + std::to_string(i), std::to_string(i)));
    run(io, sink.publish(records));
    KafkaSource source(io.get_executor(), cluster.settings, cluster.group(), cluster.topic(), {});
    Seen seen;
    run(io, read_until(source, seen, [&] { return seen.ends.size() == 4; }));
    CHECK(seen.values.size() == 100);
}

TEST_CASE("a committed record is not read again, and lag tells behind from held") {
    TestCluster cluster;
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), cluster.settings, {});
    std::vector<Record> records;
    for (int i = 0; i < 10; ++i) records.push_back(cluster.record("1:same", std::to_string(i)));
    run(io, sink.publish(records));
    std::int32_t partition = -1;
    {
        KafkaSource source(io.get_executor(), cluster.settings, cluster.group(), cluster.topic(), {});
        Seen seen;
        run(io, read_until(source, seen, [&] { return seen.records.size() == 10; }));
        partition = seen.records.front().partition;
        CHECK(KafkaAdmin(cluster.settings).lag(cluster.pipeline).front().workers == 1);
        // Four are settled, three more are with a lane.
        run(io, source.close({Commit{partition, Offset{4}, Offset{7}}}));
    }
    std::int64_t behind = 0;
    std::int64_t held = 0;
    for (const auto& lag : KafkaAdmin(cluster.settings).lag(cluster.pipeline)) {
        behind += lag.behind;
        held += lag.held;
        CHECK(lag.workers == 0);
    }
    CHECK(behind == 3);
    CHECK(held == 3);
    KafkaSource again(io.get_executor(), cluster.settings, cluster.group(), cluster.topic(), {});
    Seen seen;
    run(io, read_until(again, seen, [&] { return seen.records.size() == 6; }));
    CHECK(seen.values.front() == "4");
}

TEST_CASE("a second member takes some of the partitions, and gives them back when it leaves") {
    TestCluster cluster;
    boost::asio::io_context io;
    KafkaSource first(io.get_executor(), cluster.settings, cluster.group(), cluster.topic(), {});
    Seen one;
    run(io, read_until(first, one, [&] { return one.assigned.size() == 4; }));
    Seen two;
    {
        KafkaSource second(io.get_executor(), cluster.settings, cluster.group(), cluster.topic(), {});
        boost::asio::co_spawn(io, read_until(second, two, [&] { return two.assigned.size() == 2; }),
                              [](std::exception_ptr) {});
        run(io, read_until(first, one, [&] { return one.assigned.size() == 2 && two.assigned.size() == 2; }));
        for (const auto partition : two.assigned) CHECK(!one.assigned.contains(partition));
        run(io, second.close({}));
    }
    run(io, read_until(first, one, [&] { return one.assigned.size() == 4; }));
}

TEST_CASE("what stands beside an offset survives, and anything else counts as the offset") {
    CHECK(decode_dispatched(encode_dispatched(Offset{42}), Offset{40}) == Offset{42});
    CHECK(decode_dispatched("", Offset{40}) == Offset{40});
    CHECK(decode_dispatched("dispatched=x", Offset{40}) == Offset{40});
    CHECK(decode_dispatched("dispatched=7", Offset{40}) == Offset{40});
}
