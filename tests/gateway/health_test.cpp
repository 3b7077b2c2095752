#include "gateway/health.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

using namespace relevo;

namespace {

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

}  // namespace

TEST_CASE("what somebody else counts is gathered whenever the metrics are read") {
    SystemClock clock;
    Metrics metrics;
    const Gather gather = [](Metrics& into) -> Task<void> {
        into.count("events", "Events", "kind", "dropped", 3);
        co_return;
    };
    Health health({}, {}, {gather}, metrics, clock);
    Router router;
    health.add_routes(router);
    CHECK(get(router, "/metrics").body.find(R"(relevo_events_total{kind="dropped"} 3)") != std::string::npos);
    CHECK(get(router, "/metrics").body.find(R"(relevo_events_total{kind="dropped"} 6)") != std::string::npos);
}

TEST_CASE("a total that somebody else counts is the same however often the metrics are read") {
    SystemClock clock;
    Metrics metrics;
    std::uint64_t dropped = 0;
    Health health({}, {}, {gather_growth("events", "Events", "kind", "dropped", [&] { return dropped; })},
                  metrics, clock);
    Router router;
    health.add_routes(router);
    const auto reads = [&](const std::string& total) {
        return get(router, "/metrics").body.find("relevo_events_total{kind=\"dropped\"} " + total + "\n") !=
               std::string::npos;
    };
    CHECK(reads("0"));
    dropped = 3;
    CHECK(reads("3"));
    CHECK(reads("3"));
    dropped = 5;
    CHECK(reads("5"));
}

TEST_CASE("metrics say which dependency is away") {
    SystemClock clock;
    Metrics metrics;
    bool there = true;
    const auto answers = [&]() -> Task<bool> { co_return there; };
    Health health({{"redis", answers}}, {}, {}, metrics, clock);
    Router router;
    health.add_routes(router);
    const std::string up = "relevo_dependency_up{dependency=\"redis\"} ";
    CHECK(get(router, "/metrics").body.find(up + "1\n") != std::string::npos);
    there = false;
    CHECK(get(router, "/metrics").body.find(up + "0\n") != std::string::npos);
}

TEST_CASE("what waits is told as it is now, and not at all while it cannot be read") {
    struct Store final : BacklogStore {
        Task<Backlog> read(SysTime) override {
            if (away) throw Failure({Fault::transient, "postgres.unavailable", "away"});
            co_return backlog;
        }
        Backlog backlog{{{"infer", 2}}, 3, Millis{4'500}, 5, Millis{6'000}, 7};
        bool away = false;
    } store;
    SystemClock clock;
    Metrics metrics;
    Health health({}, {}, {gather_backlog(store, clock)}, metrics, clock);
    Router router;
    health.add_routes(router);
    const auto text = "\n" + get(router, "/metrics").body;
    CAPTURE(text);
    for (const std::string line :
         {"relevo_backlog_dead_letters{stage=\"infer\"} 2", "relevo_backlog_due_timers 3",
          "relevo_backlog_longest_due_seconds 4.5", "relevo_backlog_open_turns 5",
          "relevo_backlog_longest_open_seconds 6", "relevo_backlog_unknown_deliveries 7"}) {
        CHECK(text.find("\n" + line + "\n") != std::string::npos);
    }
    store.backlog.dead_letters = {{"relay", 1}};
    const auto later = get(router, "/metrics").body;
    CHECK(later.find("stage=\"infer\"") == std::string::npos);
    CHECK(later.find("relevo_backlog_dead_letters{stage=\"relay\"} 1\n") != std::string::npos);
    store.away = true;
    const auto without = get(router, "/metrics").body;
    CHECK(without.find("\nrelevo_backlog_due_timers ") == std::string::npos);
    CHECK(without.find("relevo_backlog_dead_letters{") == std::string::npos);
}
