#include "tests/faults/crash_points.hpp"

#include <map>

namespace relevo::faults {
namespace {

std::vector<std::string> all_points() {
    std::vector<std::string> points{"ingress.received", "ingress.ingested"};
    // Relay and settle emit nothing.
    const std::map<std::string, bool> stages{{"resolve", true}, {"buffer", true}, {"retrieve", true},
                                             {"infer", true},   {"relay", false}, {"settle", false},
                                             {"wake", true}};
    for (const auto& [stage, emits] : stages) {
        for (const auto* step : {"taken", "handled", "published", "settled", "committed"}) {
            if (emits || std::string_view(step) != "published") points.push_back(stage + "." + step);
        }
    }
    for (const auto* op :
         {"find_account",  "store_message", "store_echo",    "archive",        "claim_turn",
          "turn_text",     "search",        "freeze_step",   "load_inference", "find_credential",
          "reserve_call",  "settle_call",   "commit_answer", "fail_turn",      "claim_reply",
          "finish_reply",  "settle",        "park",          "lease_timers",   "read_timers",
          "settle_timers", "bury"}) {
        points.push_back(std::string("postgres.") + op + ".before");
        points.push_back(std::string("postgres.") + op + ".after");
    }
    for (const auto* call : {"infer.typing", "infer.model", "relay.send"}) {
        points.push_back(std::string(call) + ".before");
        points.push_back(std::string(call) + ".after");
    }
    return points;
}

std::string name_call(const std::string& stage, const HttpCall& call) {
    if (stage != "infer") return stage + ".send";
    return call.url.ends_with("/chat/completions") ? "infer.model" : "infer.typing";
}

}  // namespace

const std::vector<std::string>& crash_points() {
    static const std::vector<std::string> points = all_points();
    return points;
}

// A stage's way to providers and models, with a point on each side.
class CrashPoints::Http final : public HttpClient {
  public:
    Http(CrashPoints& points, std::string stage, std::unique_ptr<HttpClient> inner)
        : points_(points), stage_(std::move(stage)), inner_(std::move(inner)) {}

    Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall call, BodySink sink) override {
        const std::string name = name_call(stage_, call);
        points_.pass(name + ".before");
        auto result = co_await inner_->send(std::move(call), std::move(sink));
        points_.pass(name + ".after");
        co_return result;
    }

  private:
    CrashPoints& points_;
    std::string stage_;
    std::unique_ptr<HttpClient> inner_;
};

void CrashPoints::arm(std::set<std::string> points, int nth) {
    const std::lock_guard lock(mutex_);
    points_ = std::move(points);
    left_ = nth;
    armed_ = !points_.empty();
}

Surroundings CrashPoints::surroundings() {
    return {this, this, [this](std::string_view stage, std::unique_ptr<HttpClient> inner) {
                return std::make_unique<Http>(*this, std::string(stage), std::move(inner));
            }};
}

void CrashPoints::pass(const std::string& point) {
    if (!armed_) return;
    const std::lock_guard lock(mutex_);
    if (points_.contains(point) && --left_ <= 0) die_(point);
}

}  // namespace relevo::faults
