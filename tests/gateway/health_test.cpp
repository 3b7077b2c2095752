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
    const Gather gather = [](Metrics& into) { into.count("events", "Events", "kind", "dropped", 3); };
    Health health({}, {}, gather, metrics, clock);
    Router router;
    health.add_routes(router);
    CHECK(get(router, "/metrics").body.find(R"(relevo_events_total{kind="dropped"} 3)") != std::string::npos);
    CHECK(get(router, "/metrics").body.find(R"(relevo_events_total{kind="dropped"} 6)") != std::string::npos);
}

TEST_CASE("a total that somebody else counts is the same however often the metrics are read") {
    SystemClock clock;
    Metrics metrics;
    std::uint64_t dropped = 0;
    Health health({}, {}, gather_growth("events", "Events", "kind", "dropped", [&] { return dropped; }),
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
