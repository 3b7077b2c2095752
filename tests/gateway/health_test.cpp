#include "gateway/health.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

using namespace relevo;

namespace {

struct SteppedClock final : Clock {
    SysTime now() const override { return time; }
    Task<void> sleep_until(SysTime) override {
        co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
    }
    SysTime time{Millis{1'700'000'000'000}};
};

HttpResponse get(Router& router, const std::string& path) {
    HttpRequest request;
    request.method = "GET";
    request.path = request.target = path;
    boost::asio::io_context io;
    HttpResponse result;
    boost::asio::co_spawn(io, router.handle(std::move(request)),
                          [&](std::exception_ptr problem, HttpResponse response) {
                              if (problem) std::rethrow_exception(problem);
                              result = std::move(response);
                          });
    io.run();
    return result;
}

// After what was gathered before is no longer kept.
HttpResponse next_figures(Router& router, SteppedClock& clock) {
    clock.time += Millis{5'000};
    return get(router, "/metrics");
}

}  // namespace

TEST_CASE("what somebody else counts is gathered whenever the metrics are read") {
    SteppedClock clock;
    Metrics metrics;
    const Gather gather = [](Metrics& into) -> Task<void> {
        into.count("events", "Events", "kind", "dropped", 3);
        co_return;
    };
    Health health({}, {}, {gather}, metrics, clock);
    Router router;
    health.add_routes(router);
    CHECK(next_figures(router, clock).body.find(R"(relevo_events_total{kind="dropped"} 3)") !=
          std::string::npos);
    CHECK(next_figures(router, clock).body.find(R"(relevo_events_total{kind="dropped"} 6)") !=
          std::string::npos);
}

TEST_CASE("a total that somebody else counts is the same however often the metrics are read") {
    SteppedClock clock;
    Metrics metrics;
    std::uint64_t dropped = 0;
    Health health({}, {}, {gather_growth("events", "Events", "kind", "dropped", [&] { return dropped; })},
                  metrics, clock);
    Router router;
    health.add_routes(router);
    const auto reads = [&](const std::string& total) {
        return next_figures(router, clock)
                   .body.find("relevo_events_total{kind=\"dropped\"} " + total + "\n") != std::string::npos;
    };
    CHECK(reads("0"));
    dropped = 3;
    CHECK(reads("3"));
    CHECK(reads("3"));
    dropped = 5;
    CHECK(reads("5"));
}

TEST_CASE("however many read the metrics at once and in the next seconds, the servers are asked once") {
    SteppedClock clock;
    Metrics metrics;
    int asked = 0;
    const auto answers = [&]() -> Task<bool> {
        ++asked;
        for (int turn = 0; turn < 9; ++turn) co_await clock.sleep_until({});
        co_return true;
    };
    Health health({{"redis", answers}}, {}, {}, metrics, clock);
    Router router;
    health.add_routes(router);
    boost::asio::io_context io;
    int whole = 0;
    for (int reader = 0; reader < 3; ++reader) {
        HttpRequest request;
        request.method = "GET";
        request.path = request.target = "/metrics";
        boost::asio::co_spawn(io, router.handle(std::move(request)),
                              [&](std::exception_ptr, HttpResponse response) {
                                  if (response.body.find("relevo_dependency_up") != std::string::npos)
                                      ++whole;
                              });
    }
    io.run();
    CHECK(whole == 3);
    CHECK(asked == 1);
    clock.time += Millis{4'999};
    get(router, "/metrics");
    CHECK(asked == 1);
    clock.time += Millis{1};
    get(router, "/metrics");
    CHECK(asked == 2);
}

TEST_CASE("a reader who goes away in the middle leaves the next one its place") {
    SteppedClock clock;
    Metrics metrics;
    bool hangs = true;
    const auto answers = [&]() -> Task<bool> {
        while (hangs) co_await clock.sleep_until({});
        co_return true;
    };
    Health health({{"redis", answers}}, {}, {}, metrics, clock);
    Router router;
    health.add_routes(router);
    {
        boost::asio::io_context io;
        HttpRequest request;
        request.method = "GET";
        request.path = request.target = "/metrics";
        boost::asio::co_spawn(io, router.handle(std::move(request)), [](std::exception_ptr, HttpResponse) {});
        for (int turn = 0; turn < 5; ++turn) io.run_one();
    }
    hangs = false;
    CHECK(get(router, "/metrics").body.find("relevo_dependency_up") != std::string::npos);
}

TEST_CASE("metrics say which dependency is away") {
    SteppedClock clock;
    Metrics metrics;
    bool there = true;
    const auto answers = [&]() -> Task<bool> { co_return there; };
    Health health({{"redis", answers}}, {}, {}, metrics, clock);
    Router router;
    health.add_routes(router);
    const std::string up = "relevo_dependency_up{dependency=\"redis\"} ";
    CHECK(next_figures(router, clock).body.find(up + "1\n") != std::string::npos);
    there = false;
    CHECK(next_figures(router, clock).body.find(up + "0\n") != std::string::npos);
}

TEST_CASE("a server that is away is named, and requests are turned away only where it is needed") {
    SteppedClock clock;
    Metrics metrics;
    bool kafka = true;
    bool known = false;
    const auto away = []() -> Task<bool> { co_return false; };
    Health health({{"kafka", [&]() -> Task<bool> { co_return kafka; }},
                   {"postgres", away, [&] { return !known; }},
                   {"redis", away, [] { return false; }}},
                  {}, {}, metrics, clock);
    Router router;
    health.add_routes(router);
    CHECK(get(router, "/readyz").status == 503);
    known = true;
    const auto ready = get(router, "/readyz");
    CHECK(ready.status == 200);
    CHECK(ready.body == R"({"kafka":"ok","postgres":"away","redis":"away"})");
    kafka = false;
    CHECK(get(router, "/readyz").status == 503);
}

TEST_CASE("what is not needed, and hangs, keeps nobody waiting") {
    SteppedClock clock;
    Metrics metrics;
    const auto hangs = [&]() -> Task<bool> {
        for (int turn = 0; turn < 1'000; ++turn) co_await clock.sleep_until({});
        co_return true;
    };
    Health health({{"redis", hangs, [] { return false; }}}, {}, {}, metrics, clock);
    Router router;
    health.add_routes(router);
    const auto ready = get(router, "/readyz");
    CHECK(ready.status == 200);
    CHECK(ready.body == R"({"redis":"away"})");
}

TEST_CASE("what waits is told as it is now, and not at all while it cannot be read") {
    struct Store final : BacklogStore {
        Task<Backlog> read(SysTime) override {
            if (away) throw Failure({Fault::transient, "postgres.unavailable", "away"});
            co_return backlog;
        }
        Backlog backlog{
            {{"infer", 2}}, 3, Millis{4'500}, 5, Millis{6'000}, 7, {{"soft", 8}, {"exhausted", 9}}, 11};
        bool away = false;
    } store;
    SteppedClock clock;
    Metrics metrics;
    Health health({}, {}, {gather_backlog(store, clock)}, metrics, clock);
    Router router;
    health.add_routes(router);
    const auto text = "\n" + next_figures(router, clock).body;
    CAPTURE(text);
    for (const std::string line :
         {"relevo_backlog_dead_letters{stage=\"infer\"} 2", "relevo_backlog_due_timers 3",
          "relevo_backlog_longest_due_seconds 4.5", "relevo_backlog_open_turns 5",
          "relevo_backlog_longest_open_seconds 6", "relevo_backlog_unknown_deliveries 7",
          "relevo_backlog_budgets{state=\"soft\"} 8", "relevo_backlog_budgets{state=\"exhausted\"} 9",
          "relevo_backlog_unpriced_calls 11"}) {
        CHECK(text.find("\n" + line + "\n") != std::string::npos);
    }
    store.backlog.dead_letters = {{"relay", 1}};
    const auto later = next_figures(router, clock).body;
    CHECK(later.find("stage=\"infer\"") == std::string::npos);
    CHECK(later.find("relevo_backlog_dead_letters{stage=\"relay\"} 1\n") != std::string::npos);
    store.away = true;
    const auto without = next_figures(router, clock).body;
    CHECK(without.find("\nrelevo_backlog_due_timers ") == std::string::npos);
    CHECK(without.find("relevo_backlog_dead_letters{") == std::string::npos);
}
