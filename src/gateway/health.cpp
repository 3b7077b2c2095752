#include "gateway/health.hpp"

#include <utility>

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

Gather gather_growth(std::string name, std::string help, std::string label_name, std::string label,
                     std::function<std::uint64_t()> counter) {
    return [name = std::move(name), help = std::move(help), label_name = std::move(label_name),
            label = std::move(label), counter = std::move(counter),
            told = std::uint64_t{0}](Metrics& metrics) mutable {
        const std::uint64_t total = counter();
        metrics.count(name, help, label_name, label, static_cast<double>(total - std::exchange(told, total)));
    };
}

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
