// How many records per CPU-second a stage on our runtime handles, against a bare librdkafka loop that writes
// the same records; the goal is a ratio of 0.6. Both consume one topic and produce each record to another:
// one thread each (librdkafka's own apart), 500 B and the headers that every record of ours has, 12
// partitions, 1,000 and 100,000 keys, in turn. CPU seconds are the whole process's, librdkafka's threads
// included. Two more columns: "waits", a stage of ours that suspends once for each record, as every stage
// that asks a store does; "plain", the bare loop that drops the headers: what the same loop costs whoever
// needs none.
//
// Usage: runtime_benchmark [RUNS] [RECORDS] [ours|waits|bare|plain]; RELEVO_BENCH_KAFKA names the broker.

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <sodium.h>
#include <sys/resource.h>

#include <prometheus/registry.h>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "core/log.hpp"
#include "kafka/admin.hpp"
#include "kafka/sink.hpp"
#include "kafka/source.hpp"
#include "runtime/worker.hpp"

namespace {

using namespace relevo;

constexpr int partitions = 12;
constexpr std::size_t value_bytes = 500;

struct Run {
    double wall_seconds;
    double cpu_seconds;
};

double cpu_now() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + time.tv_usec * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Stopwatch {
  public:
    Run read() const {
        const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - wall_;
        return {wall.count(), cpu_now() - cpu_};
    }

  private:
    std::chrono::steady_clock::time_point wall_ = std::chrono::steady_clock::now();
    double cpu_ = cpu_now();
};

StageSpec stage_spec(const std::string& group, const std::string& input, const std::string& output) {
    StageSpec spec;
    spec.name = "forward";
    spec.group = group;
    spec.input = input;
    spec.outputs = {output};
    spec.limits.running = 10'000;
    spec.limits.running_per_tenant = 10'000;
    return spec;
}

// Topics and first offsets of one run's groups.
void prepare(const KafkaSettings& kafka, const std::vector<StageSpec>& stages, const std::string& input,
             const std::string& output) {
    PipelineSpec pipeline;
    TopicSpec topic;
    topic.partitions = partitions;
    for (const auto& name : {input, output}) {
        topic.name = name;
        pipeline.topics.push_back(topic);
    }
    pipeline.stages = stages;
    KafkaAdmin(kafka).apply(pipeline, 1, [](const std::string&) {});
}

class Forward final : public Stage {
  public:
    Forward(std::string topic, bool waits) : topic_(std::move(topic)), waits_(waits) {}
    std::function<void()> first;  // called once, with the first record
    std::string_view name() const override { return "forward"; }
    Task<Outcome> handle(std::span<const Envelope> records) override {
        if (first) std::exchange(first, nullptr)();
        if (waits_)
            co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
        const Envelope& in = records.front();
        Record out;
        out.topic = topic_;
        out.key = in.key;
        out.value = in.value;
        out.headers.id = in.headers.id;
        std::vector<Record> all;
        all.push_back(std::move(out));
        co_return Emit{std::move(all)};
    }

  private:
    std::string topic_;
    bool waits_;
};

struct Unused final : Timers, DeadLetters {
    Task<void> park(Timer) override { co_return; }
    Task<void> bury(std::vector<DeadLetter>) override { co_return; }
};

// Says when every record is settled, from the commits.
class UntilCommitted final : public Source {
  public:
    UntilCommitted(Source& inner, std::int64_t records) : inner_(inner), missing_(records) {}
    std::function<void()> done;
    Task<SourceEvent> next(bool want_records, Millis wait) override {
        return inner_.next(want_records, wait);
    }
    void wake() override { inner_.wake(); }
    void commit(std::span<const Commit> commits) override {
        for (const auto& commit : commits) {
            auto& before = committed_[commit.partition];
            missing_ -= commit.next.value - std::exchange(before, commit.next.value);
        }
        inner_.commit(commits);
        if (missing_ == 0) done();
    }
    Task<void> release(Revoked revoked, std::vector<Commit> commits) override {
        return inner_.release(std::move(revoked), std::move(commits));
    }
    Task<void> close(std::vector<Commit> commits) override { return inner_.close(std::move(commits)); }
    std::int64_t behind() const override { return inner_.behind(); }

  private:
    Source& inner_;
    std::int64_t missing_;
    std::map<std::int32_t, std::int64_t> committed_;
};

Run run_ours(const KafkaSettings& kafka, const StageSpec& spec, std::int64_t records, bool waits) {
    boost::asio::io_context io(1);
    SystemClock clock;
    SeededRandom random(1);
    Metrics metrics;
    StageMetrics stage_metrics(metrics.registry(), spec.name);
    Forward stage(spec.outputs.front(), waits);
    Unused unused;
    std::optional<Stopwatch> watch;
    KafkaSource kafka_source(io.get_executor(), kafka, spec.group, spec.input, {});
    UntilCommitted source(kafka_source, records);
    KafkaSink sink(io.get_executor(), kafka, {});
    std::optional<Run> run;
    Worker worker(
        spec, 0, WorkerParts{stage, source, sink, unused, unused, clock, random, stage_metrics, "benchmark"});
    stage.first = [&watch] { watch.emplace(); };
    source.done = [&] {
        run = watch->read();
        worker.stop();
    };
    boost::asio::co_spawn(io, worker.run(), [&](std::exception_ptr problem) {
        io.stop();
        if (problem) std::rethrow_exception(problem);
    });
    io.run();
    return run.value();
}

void set(rd_kafka_conf_t* conf, const char* name, const char* value) {
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK)
        throw std::runtime_error(text);
}

rd_kafka_t* make(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
    char text[256];
    auto* client = rd_kafka_new(type, conf, text, sizeof text);
    if (!client) throw std::runtime_error(text);
    return client;
}

void produce(rd_kafka_t* producer, const std::string& topic, std::string_view key, std::string_view value,
             rd_kafka_headers_t* headers) {
    const auto once = [&] {
        return headers ? rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic.c_str()),
                                           RD_KAFKA_V_KEY(key.data(), key.size()),
                                           RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END)
                       : rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic.c_str()),
                                           RD_KAFKA_V_KEY(key.data(), key.size()),
                                           RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    };
    while (once() == RD_KAFKA_RESP_ERR__QUEUE_FULL) rd_kafka_poll(producer, 1);
}

void forward(rd_kafka_t* producer, const std::string& topic, rd_kafka_message_t* message, bool with_headers) {
    rd_kafka_headers_t* headers = nullptr;
    if (with_headers) rd_kafka_message_detach_headers(message, &headers);
    produce(producer, topic, {static_cast<const char*>(message->key), message->key_len},
            {static_cast<const char*>(message->payload), message->len}, headers);
}

// What one would write by hand: poll, produce, count delivery reports, commit five times a second.
Run run_bare(const KafkaSettings& kafka, const StageSpec& spec, std::int64_t records, bool with_headers) {
    static std::int64_t delivered;
    delivered = 0;
    auto* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", kafka.brokers.c_str());
    set(conf, "group.id", spec.group.c_str());
    set(conf, "group.protocol", "consumer");
    set(conf, "enable.auto.commit", "true");
    set(conf, "auto.commit.interval.ms", "200");
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "fetch.wait.max.ms", "100");
    set(conf, "fetch.queue.backoff.ms", "2");
    set(conf, "queued.min.messages", "20000");
    set(conf, "queued.max.messages.kbytes", "32768");
    set(conf, "check.crcs", "true");
    auto* consumer = make(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(consumer);
    conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", kafka.brokers.c_str());
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", "1");
    set(conf, "compression.type", "lz4");
    set(conf, "partitioner", "murmur2_random");
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void*) {
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            throw std::runtime_error(rd_kafka_err2str(message->err));
        ++delivered;
    });
    auto* producer = make(RD_KAFKA_PRODUCER, conf);
    auto* topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, spec.input.c_str(), RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    std::optional<Stopwatch> watch;
    while (delivered < records) {
        if (auto* message = rd_kafka_consumer_poll(consumer, 1)) {
            if (!watch) watch.emplace();
            if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
                fmt::print(stderr, "bare: {}\n", rd_kafka_message_errstr(message));
            if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
                forward(producer, spec.outputs.front(), message, with_headers);
            rd_kafka_message_destroy(message);
        }
        rd_kafka_poll(producer, 0);
    }
    const Run run = watch->read();
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    rd_kafka_destroy(producer);
    return run;
}

void fill(const KafkaSettings& kafka, const std::string& topic, std::int64_t records, int keys) {
    auto* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", kafka.brokers.c_str());
    set(conf, "queue.buffering.max.messages", "1000000");
    auto* producer = make(RD_KAFKA_PRODUCER, conf);
    const std::string value(value_bytes, 'x');
    for (std::int64_t i = 0; i < records; ++i) {
        const std::string key = fmt::format("{}:{}", i % 8, i % keys);
        auto* headers = rd_kafka_headers_new(10);
        const auto add = [&](const char* name, const std::string& text) {
            rd_kafka_header_add(headers, name, -1, text.data(), static_cast<ssize_t>(text.size()));
        };
        add("ce_specversion", "1.0");
        add("content-type", "application/json");
        add("ce_id", fmt::format("{:032x}", i));
        add("ce_type", "relevo.messages.resolved.v1");
        add("ce_source", "/relevo/resolve");
        add("ce_subject", key);
        add("traceparent", fmt::format("00-{:032x}-{:016x}-01", i + 1, i + 1));
        add("installation", "benchmark");
        add("ce_time", "2026-11-21T12:00:00.000Z");
        add("expires", "2026-11-22T12:00:00.000Z");
        produce(producer, topic, key, value, headers);
    }
    rd_kafka_flush(producer, 60'000);
    rd_kafka_destroy(producer);
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void compare(const KafkaSettings& kafka, int keys, int runs, std::int64_t records, const std::string& only) {
    const std::string name = fmt::format("benchmark.{}.{}.{}", keys, records, SystemRandom().hex(4));
    const std::string input = name + ".in";
    const std::string output = name + ".out";
    prepare(kafka, {}, input, output);
    fill(kafka, input, records, keys);
    const std::vector<std::string> names{"ours", "waits", "bare", "plain"};
    std::map<std::string, std::vector<double>> rates;
    for (int run = 0; run <= runs; ++run) {  // the first one warms the broker up
        fmt::print("{:>7} keys  run {}", keys, run);
        for (const auto& loop : names) {
            if (!only.empty() && only != loop) continue;
            const StageSpec spec = stage_spec(fmt::format("{}.{}.{}", name, loop, run), input, output);
            prepare(kafka, {spec}, input, output);
            const bool mine = loop == "ours" || loop == "waits";
            const Run it = mine ? run_ours(kafka, spec, records, loop == "waits")
                                : run_bare(kafka, spec, records, loop == "bare");
            const double rate = static_cast<double>(records) / it.cpu_seconds;
            fmt::print("  {} {:>7.0f}/CPU-s {:>7.0f}/s", loop, rate,
                       static_cast<double>(records) / it.wall_seconds);
            std::fflush(stdout);
            if (run > 0) rates[loop].push_back(rate);
        }
        fmt::print("{}\n", run == 0 ? "  (warm-up)" : "");
    }
    if (!only.empty() || runs == 0) return;
    const double bare = median(rates["bare"]);
    fmt::print("{:>7} keys  medians: bare {:.0f}/CPU-s; its ratio: ours {:.2f}, waits {:.2f}, plain {:.2f}\n",
               keys, bare, median(rates["ours"]) / bare, median(rates["waits"]) / bare,
               median(rates["plain"]) / bare);
}

}  // namespace

int main(int argc, char** argv) {
    const char* brokers = std::getenv("RELEVO_BENCH_KAFKA");
    if (!brokers || sodium_init() < 0) {
        fmt::print(stderr, "RELEVO_BENCH_KAFKA is not set; ./dev bench sets it\n");
        return 2;
    }
    set_log_level(LogLevel::warn);
    const KafkaSettings kafka{brokers};
    const int runs = argc > 1 ? std::atoi(argv[1]) : 5;
    const std::int64_t records = argc > 2 ? std::atoll(argv[2]) : 300'000;
    for (const int keys : {1'000, 100'000}) compare(kafka, keys, runs, records, argc > 3 ? argv[3] : "");
    return 0;
}
