#include "gateway/health.hpp"

#include "core/json_object.hpp"

namespace relevo {
namespace {

constexpr Millis stuck_after{60'000};  // a loop turns five times a second

HttpResponse report(int status, const std::vector<std::pair<std::string, std::string>>& lines) {
    JsonObject states;
    for (const auto& [name, state] : lines) states.text(name, state);
    HttpResponse response;
    response.status = status;
    response.body = states.str();
    return response;
}

}  // namespace

void Health::add_routes(Router& router) {
    router.add("GET", "/healthz",
               [this](HttpRequest, PathParams) -> Task<HttpResponse> { co_return alive(); });
    router.add("GET", "/readyz", [this](HttpRequest, PathParams) { return ready(); });
    router.add("GET", "/metrics", [this](HttpRequest, PathParams) -> Task<HttpResponse> {
        gather_(metrics_);
        HttpResponse response;
        response.body = metrics_.text();
        response.content_type = "text/plain; version=0.0.4; charset=utf-8";
        co_return response;
    });
}

HttpResponse Health::alive() const {
    std::vector<std::pair<std::string, std::string>> lines;
    int status = 200;
    for (const auto& heartbeat : heartbeats_) {
        const bool stuck = clock_.now() - heartbeat.last_turn() > stuck_after;
        if (stuck) status = 503;
        lines.emplace_back(heartbeat.name, stuck ? "stuck" : "ok");
    }
    return report(status, lines);
}

Task<HttpResponse> Health::ready() {
    std::vector<std::pair<std::string, std::string>> lines;
    int status = 200;
    for (const auto& dependency : dependencies_) {
        const bool answers = co_await dependency.answers();
        if (!answers) status = 503;
        lines.emplace_back(dependency.name, answers ? "ok" : "away");
    }
    co_return report(status, lines);
}

}  // namespace relevo
