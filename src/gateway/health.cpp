#include "gateway/health.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <optional>
#include <utility>

#include "core/json_object.hpp"

namespace relevo {
namespace {

constexpr Millis stuck_after{60'000};  // a loop turns five times a second
constexpr Millis gathered_for{5'000};  // anybody may ask: no oftener do the servers hear of it
constexpr Millis look_again{20};       // while somebody else gathers
constexpr Millis longest_look{500};    // for what is only told: a load balancer waits a second or two

HttpResponse report(int status, const std::vector<std::pair<std::string, std::string>>& lines) {
    JsonObject states;
    for (const auto& [name, state] : lines) states.text(name, state);
    HttpResponse response;
    response.status = status;
    response.body = states.str();
    return response;
}

Task<void> nothing() {
    co_return;
}

double seconds(Millis time) {
    return std::chrono::duration<double>(time).count();
}

constexpr std::string_view letters = "backlog_dead_letters";
constexpr std::string_view letters_help = "Dead letters that wait for an operator, by stage";
constexpr std::string_view budgets = "backlog_budgets";
constexpr std::string_view budgets_help =
    "Budgets over their soft limit, and those that refused a call in the last quarter of an hour: exhausted, "
    "unpriced";
struct BacklogFigure {
    std::string_view name;
    std::string_view help;
    double (*of)(const Backlog&);
};
constexpr BacklogFigure backlog_figures[] = {
    {"backlog_due_timers", "Timers that are due and that wake has not taken",
     [](const Backlog& it) { return static_cast<double>(it.due_timers); }},
    {"backlog_longest_due_seconds", "How long the oldest of them has been due",
     [](const Backlog& it) { return seconds(it.longest_due); }},
    {"backlog_open_turns", "Turns without an answer yet",
     [](const Backlog& it) { return static_cast<double>(it.open_turns); }},
    {"backlog_longest_open_seconds", "How long the oldest of them has been open",
     [](const Backlog& it) { return seconds(it.longest_open); }},
    {"backlog_unknown_deliveries", "Bubbles of which nobody knows whether they were sent",
     [](const Backlog& it) { return static_cast<double>(it.unknown_deliveries); }},
    {"backlog_unpriced_calls", "Model calls of the last day whose cost nobody knows",
     [](const Backlog& it) { return static_cast<double>(it.unpriced_calls); }},
};

Task<void> read_backlog(BacklogStore& store, Clock& clock, Metrics& metrics) {
    std::optional<Backlog> backlog;
    try {
        backlog = co_await store.read(clock.now());
    } catch (const Failure&) {
        // relevo_dependency_up says why they are missing
    }
    metrics.forget(letters, letters_help);
    metrics.forget(budgets, budgets_help);
    for (const auto& figure : backlog_figures) metrics.forget(figure.name, figure.help);
    if (!backlog) co_return;
    for (const auto& [stage, count] : backlog->dead_letters) {
        metrics.set(letters, letters_help, {{"stage", stage}}, static_cast<double>(count));
    }
    for (const auto& [state, count] : backlog->budgets) {
        metrics.set(budgets, budgets_help, {{"state", state}}, static_cast<double>(count));
    }
    for (const auto& figure : backlog_figures) metrics.set(figure.name, figure.help, {}, figure.of(*backlog));
}

}  // namespace

Gather gather_backlog(BacklogStore& store, Clock& clock) {
    return [&store, &clock](Metrics& metrics) { return read_backlog(store, clock, metrics); };
}

Gather gather_growth(std::string name, std::string help, std::string label_name, std::string label,
                     std::function<std::uint64_t()> counter) {
    return [name = std::move(name), help = std::move(help), label_name = std::move(label_name),
            label = std::move(label), counter = std::move(counter),
            told = std::uint64_t{0}](Metrics& metrics) mutable -> Task<void> {
        const std::uint64_t total = counter();
        metrics.count(name, help, label_name, label, static_cast<double>(total - std::exchange(told, total)));
        return nothing();
    };
}

void Health::add_routes(Router& router) {
    router.add("GET", "/healthz",
               [this](HttpRequest, PathParams) -> Task<HttpResponse> { co_return alive(); });
    router.add("GET", "/readyz", [this](HttpRequest, PathParams) { return ready(); });
    router.add("GET", "/metrics", [this](HttpRequest, PathParams) { return figures(); });
}

Task<HttpResponse> Health::figures() {
    while (!gathering_.expired()) co_await clock_.sleep_until(clock_.now() + look_again);
    if (clock_.now() - gathered_at_ >= gathered_for) co_await gather();
    HttpResponse response;
    response.body = metrics_.text();
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    co_return response;
}

Task<void> Health::gather() {
    const auto turn = std::make_shared<int>();  // ends with its reader, who may go away in the middle
    gathering_ = turn;
    for (const auto& dependency : dependencies_) {
        const bool answers = co_await dependency.answers();
        metrics_.set("dependency_up", "1 while the process reaches it", {{"dependency", dependency.name}},
                     answers ? 1 : 0);
    }
    for (const auto& gather : gathers_) co_await gather(metrics_);
    gathered_at_ = clock_.now();
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

Task<bool> Health::answers_soon(const Dependency& dependency) {
    using namespace boost::asio::experimental::awaitable_operators;
    const auto first = co_await (dependency.answers() || clock_.sleep_until(clock_.now() + longest_look));
    co_return first.index() == 0 && std::get<0>(first);
}

Task<HttpResponse> Health::ready() {
    std::vector<std::pair<std::string, std::string>> lines;
    int status = 200;
    for (const auto& dependency : dependencies_) {
        const bool needed = dependency.needed();
        auto asked = needed ? dependency.answers() : answers_soon(dependency);
        const bool answers = co_await std::move(asked);
        if (needed && !answers) status = 503;
        lines.emplace_back(dependency.name, answers ? "ok" : "away");
    }
    co_return report(status, lines);
}

}  // namespace relevo
