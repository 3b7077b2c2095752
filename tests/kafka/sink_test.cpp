#include "kafka/sink.hpp"

#include <doctest/doctest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

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

TEST_CASE("who waits for a broker that is away can be cancelled, and is not told again") {
    TestCluster cluster;
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), KafkaSettings{"127.0.0.1:1"}, {Millis{300}, Millis{0}, 10});
    boost::asio::cancellation_signal cancel;
    int told = 0;
    boost::asio::co_spawn(io, sink.publish({cluster.record("1:a", "value")}),
                          boost::asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr problem) {
                              CHECK(problem);
                              ++told;
                          }));
    io.poll();
    cancel.emit(boost::asio::cancellation_type::terminal);
    io.restart();
    io.poll();
    CHECK(told == 1);
    io.restart();
    io.run_for(Millis{600});  // the broker's own report comes
    CHECK(told == 1);
}

TEST_CASE("a sink that is destroyed while somebody waits tells nobody and leaves nothing behind") {
    TestCluster cluster;
    boost::asio::io_context io;
    bool told = false;
    {
        KafkaSink sink(io.get_executor(), KafkaSettings{"127.0.0.1:1"}, {Millis{30'000}, Millis{0}, 10});
        sink.append({cluster.record("1:a", "value")}, [&](const std::optional<Error>&) { told = true; });
        boost::asio::co_spawn(io, sink.publish({cluster.record("1:b", "value")}),
                              [&](const std::exception_ptr&) { told = true; });
        io.poll();
    }
    io.restart();
    io.poll();
    CHECK_FALSE(told);
}
