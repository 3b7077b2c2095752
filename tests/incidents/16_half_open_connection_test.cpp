#include <doctest/doctest.h>

#include "http/client.hpp"
#include "kafka/admin.hpp"
#include "kafka/sink.hpp"
#include "postgres/database.hpp"
#include "redis/pace.hpp"
#include "tests/http/loopback.hpp"
#include "tests/runtime/worker_bench.hpp"

namespace relevo {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds longest{5};

/// Takes every connection and whatever is said, and never says a word.
struct Silent {
    asio::io_context io{1};
    loopback::ScriptedServer server{
        io, [](asio::ip::tcp::socket socket, int) -> Task<void> { co_await loopback::read_all(socket); }};
    std::string address() const { return "127.0.0.1:" + std::to_string(server.port()); }
    std::string failure(Task<void> task) {
        const auto started = std::chrono::steady_clock::now();
        std::string code = "none";
        try {
            loopback::run(io, std::move(task));
        } catch (const Failure& failure) {
            CHECK(failure.error().fault == Fault::transient);
            code = failure.error().code;
        }
        CHECK(std::chrono::steady_clock::now() - started < longest);
        return code;
    }
};

Task<void> call(Database& database) {
    co_await database.call("ping", TenantId{1}, "{}");
}

}  // namespace

TEST_CASE(
    "incident 16: a stage hung on a half-open connection, here a silent provider costs a call its deadline") {
    Silent silent;
    PooledHttpClient client(silent.io);
    HttpCall call;
    call.url = "http://" + silent.address() + "/v1";
    call.deadline = Millis{100};
    call.chosen_by = ChosenBy::installation;
    const auto reply = loopback::run(silent.io, client.send(call));
    REQUIRE(reply.has_error());
    CHECK(reply.error().reached == Reached::maybe);
    CHECK(client.connections() == 0);
}

TEST_CASE("incident 16: a silent PostgreSQL costs a call its deadline, and a silent Kafka a record its own") {
    Silent silent;
    Database database(
        {"postgresql://relevo@" + silent.address() + "/relevo?connect_timeout=2", 1, Millis{100}});
    CHECK(silent.failure(call(database)) == "postgres.unavailable");

    KafkaSink::Limits limits;
    limits.delivery_timeout = Millis{300};
    KafkaSink sink(silent.io.get_executor(), KafkaSettings{silent.address()}, limits);
    Record record;
    record.topic = "messages.received";
    CHECK(silent.failure(sink.publish({record})) == "kafka.unavailable");
    CHECK_FALSE(KafkaAdmin(KafkaSettings{silent.address()}, Millis{300}).reachable());
}

TEST_CASE("incident 16: a silent Redis keeps no bubble from being sent") {
    Silent silent;
    SystemClock clock;
    SeededRandom random{1};
    RedisPaceSettings settings{.url = "redis://" + silent.address(), .installation = "here"};
    settings.times.connect_deadline = Millis{100};
    settings.times.command_deadline = Millis{100};
    int guesses = 0;
    settings.on_guess = [&] { ++guesses; };
    RedisPace pace(silent.io, settings, clock, random);
    REQUIRE(loopback::run_until(silent.io, [&] { return silent.server.connections() > 0; }));
    const auto started = std::chrono::steady_clock::now();
    const Millis wait =
        loopback::run(silent.io, pace.take({{"account", Rate{10, std::chrono::seconds(1)}}}, Millis{60'000}));
    CHECK(std::chrono::steady_clock::now() - started < longest);
    CHECK(wait == Millis{0});
    CHECK(guesses == 1);
}

TEST_CASE("incident 16: a handler that hangs all the same is cancelled by the worker and tried again") {
    StageSpec spec;
    spec.stuck_after = Millis{100'000};
    WorkerBench it(
        [&it](std::vector<std::string> values, int call) -> Task<Outcome> {
            if (call == 1) co_await it.clock.sleep_until(it.clock.now() + Millis{1'000'000'000});
            std::vector<Record> out;
            out.push_back({"output", "key", values.front(), {}});
            co_return Emit{std::move(out)};
        },
        spec);
    it.fetch({{"1:a", "x"}, {"1:b", "y"}});
    it.run_for(Millis{99'000});
    CHECK(it.has("publish y"));
    CHECK_FALSE(it.has("publish x"));
    it.run_for(Millis{40'000});
    CHECK(it.count("handle x") >= 1);
    const bool handled = it.has("publish x") || !it.parked.empty();
    CHECK(handled);
    CHECK(it.has("commit 0:2"));
    CHECK(it.metrics.text().find(R"(relevo_stuck_total{stage="test"} 1)") != std::string::npos);
    CHECK(it.metrics.text().find(R"(relevo_errors_total{code="stage.stuck",stage="test"} 1)") !=
          std::string::npos);
}

}  // namespace relevo
