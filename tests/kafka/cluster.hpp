#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "core/random.hpp"
#include "kafka/admin.hpp"
#include "kafka/sink.hpp"
#include "kafka/source.hpp"

namespace relevo::test {

/// The real broker that the tests run beside, and a topic and group of this test's own.
struct TestCluster {
    TestCluster() {
        const char* address = std::getenv("RELEVO_TEST_KAFKA");
        if (!address) throw std::runtime_error("RELEVO_TEST_KAFKA is not set: ./dev test sets it");
        settings.brokers = address;
        const std::string name = "test." + SystemRandom().hex(6);
        TopicSpec topic;
        topic.name = name;
        topic.partitions = 4;
        StageSpec stage;
        stage.name = "reader";
        stage.group = name + ".reader";
        stage.input = name;
        pipeline.topics = {topic};
        pipeline.stages = {stage};
        KafkaAdmin(settings).apply(pipeline, 1, [](const std::string&) {});
    }

    const std::string& topic() const { return pipeline.topics.front().name; }
    const std::string& group() const { return pipeline.stages.front().group; }

    Record record(const std::string& key, const std::string& value) const {
        Record out;
        out.topic = topic();
        out.key = key;
        out.value = value;
        out.headers.id = value;
        out.headers.type = "relevo.test.v1";
        out.headers.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        out.headers.installation = "here";
        out.headers.expires = from_millis(1'900'000'000'123);
        return out;
    }

    KafkaSettings settings;
    PipelineSpec pipeline;
};

/// Runs a task to its end.
template <class T>
T run(boost::asio::io_context& io, Task<T> task) {
    std::optional<T> result;
    std::exception_ptr failure;
    boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr problem, T value) {
        failure = problem;
        if (!problem) result = std::move(value);
        io.stop();
    });
    io.restart();
    io.run();
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
}

inline void run(boost::asio::io_context& io, Task<void> task) {
    run(io, [](Task<void> inner) -> Task<bool> {
        co_await std::move(inner);
        co_return true;
    }(std::move(task)));
}

}  // namespace relevo::test
