// How much memory each stage takes while it works off a backlog of 1,000,000 messages: every stage in a
// process of its own, one after the other, so that each meets all that the one before it left. 250 shops, 400
// conversations each, ten messages a burst, the offline model, answers to web chats. Prints the peak RSS of
// each process beside that of the same process without work, and how fast it drains: what a stage holds is
// bounded by its limits in the pipeline file, not by the backlog.
//
// Usage: backlog_benchmark [CONVERSATIONS_PER_SHOP]

#include <fmt/format.h>
#include <sodium.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <map>
#include <thread>

#include "benchmarks/installation.hpp"
#include "core/log.hpp"
#include "core/trace.hpp"
#include "kafka/sink.hpp"
#include "stages/ingress.hpp"

namespace {

using namespace relevo;

constexpr int shops = 250;  // with 400 turns open each: below the 500 that a shop may have
constexpr int burst = 10;
constexpr int batch = 2'000;  // records that one publish waits for

const char* const questions[] = {"hola",           "¿tenés café en grano?",
                                 "para moka",      "que no sea muy ácido",
                                 "¿qué precio?",   "¿y cuántos gramos?",
                                 "¿envían?",       "a Neuquén",
                                 "para el jueves", "gracias"};

ShopSpec shop(int number) {
    ShopSpec spec;
    spec.slug = fmt::format("backlog-{}", number);
    spec.name = fmt::format("Tienda {}", number);
    spec.agent.quiet_ms = 2'000;
    spec.catalogue = {{"C-1", "Café en grano", "Tueste medio, para moka o filtro.", "21.900", "ARS", "", {}},
                      {"C-2", "Café molido", "Para cafetera de filtro.", "19.900", "ARS", "", {}}};
    return spec;
}

// The messages of one conversation, as ingress would write them.
std::vector<Record> conversation(const Installation& installation, const Endpoint& endpoint, int number,
                                 Random& random, SysTime now) {
    Parsed parsed;
    for (int i = 0; i < burst; ++i) {
        Inbound inbound;
        inbound.kind = InboundKind::message;
        inbound.event_id = fmt::format("backlog-{}-{}", number, i);
        inbound.aliases = {{"web_visitor", fmt::format("{:032x}", number)}};
        inbound.type = "text";
        inbound.text = questions[i];
        parsed.inbound.push_back(std::move(inbound));
    }
    return ingest(endpoint, parsed, installation.id, new_traceparent(random), now,
                  installation.pipeline.expires_after);
}

Task<void> fill(Installation& installation, std::vector<Endpoint> endpoints, int conversations,
                KafkaSink& sink) {
    SystemClock clock;
    std::vector<Record> records;
    std::int64_t written = 0;
    for (int number = 0; number < conversations; ++number) {
        for (const auto& endpoint : endpoints) {
            auto more = conversation(installation, endpoint, number, installation.random, clock.now());
            std::move(more.begin(), more.end(), std::back_inserter(records));
            if (records.size() < batch) continue;
            written += static_cast<std::int64_t>(records.size());
            co_await sink.publish(std::exchange(records, {}));
            fmt::print(stderr, "\r  filling: {:>9} messages", written);
        }
    }
    if (!records.empty()) co_await sink.publish(std::move(records));
    fmt::print(stderr, "\r{:40}\r", "");
}

void fill(Installation& installation, int conversations) {
    std::vector<Endpoint> endpoints;
    for (int i = 0; i < shops; ++i) endpoints.push_back(installation.add_web_shop(shop(i)));
    boost::asio::io_context io(1);
    KafkaSink sink(io.get_executor(), KafkaSettings{installation.config.kafka_brokers}, {});
    std::exception_ptr problem;
    boost::asio::co_spawn(io, fill(installation, std::move(endpoints), conversations, sink),
                          [&](std::exception_ptr thrown) {
                              problem = thrown;
                              io.stop();
                          });
    io.run();
    if (problem) std::rethrow_exception(problem);
}

// What the process takes before its first record.
double idle_mib(Installation& installation, const std::string& stage) {
    RunningStages process(installation, "backlog-idle-" + stage, {stage, "--workers", "1"});
    std::this_thread::sleep_for(std::chrono::seconds(3));
    return process.peak_mib();
}

void drain(Installation& installation, const std::string& stage, double idle) {
    const std::int64_t backlog = installation.unsettled(stage);
    const auto started = std::chrono::steady_clock::now();
    RunningStages process(installation, "backlog-" + stage, {stage, "--workers", "1"});
    std::int64_t left = backlog;
    while (left > 0) {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        left = installation.unsettled(stage);
        fmt::print(stderr, "\r  {:<9} {:>9} left  {:>6.0f} MiB", stage, left, process.peak_mib());
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    const double peak = process.peak_mib();
    fmt::print(stderr, "\r{:40}\r", "");
    fmt::print("{:<10} {:>10} {:>9.0f} {:>9.0f} {:>9.0f} {:>10.0f} {:>10.0f}\n", stage, backlog, took.count(),
               static_cast<double>(backlog) / took.count(),
               static_cast<double>(backlog) / process.cpu_seconds(), peak, idle);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    if (sodium_init() < 0) return 1;
    set_log_level(LogLevel::warn);
    const int conversations = argc > 1 ? std::atoi(argv[1]) : 400;
    Installation installation;
    fmt::print("{} messages of {} shops\n", conversations * shops * burst, shops);
    std::map<std::string, double> idle;
    const std::vector<std::string> stages{"resolve", "buffer", "retrieve", "infer", "relay"};
    for (const auto& stage : stages) idle[stage] = idle_mib(installation, stage);
    fill(installation, conversations);
    fmt::print("{:<10} {:>10} {:>9} {:>9} {:>9} {:>10} {:>10}\n", "stage", "records", "seconds", "rec/s",
               "rec/CPU-s", "peak MiB", "idle MiB");
    for (const auto& stage : stages) drain(installation, stage, idle[stage]);
    return 0;
}
