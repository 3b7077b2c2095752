#include "runtime/metrics.hpp"

#include <doctest/doctest.h>

namespace relevo {
namespace {

bool has(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("every stage exports the documented set") {
    Metrics metrics;
    StageMetrics stage(metrics.registry(), "infer");
    stage.settled(StageMetrics::Outcome::emit, 3);
    stage.dropped("erased");
    stage.failed("model.timeout");
    stage.took(Millis{250});
    stage.stuck();
    stage.gauges(0, 1, 2, 3, 4.5);
    const auto text = metrics.text();
    CAPTURE(text);
    CHECK(has(text, R"(relevo_records_total{outcome="emit",stage="infer"} 3)"));
    for (const std::string outcome : {"drop", "park", "retry", "dead"}) {
        CHECK(has(text, "relevo_records_total{outcome=\"" + outcome + "\",stage=\"infer\"} 0"));
    }
    CHECK(has(text, R"(relevo_drops_total{reason="erased",stage="infer"} 1)"));
    CHECK(has(text, R"(relevo_errors_total{code="model.timeout",stage="infer"} 1)"));
    CHECK(has(text, R"(relevo_duration_seconds_count{stage="infer"} 1)"));
    CHECK(has(text, R"(relevo_duration_seconds_bucket{stage="infer",le="0.25"} 1)"));
    CHECK(has(text, R"(relevo_stuck_total{stage="infer"} 1)"));
    CHECK(has(text, R"(relevo_in_flight{stage="infer",worker="0"} 1)"));
    CHECK(has(text, R"(relevo_behind_records{stage="infer",worker="0"} 2)"));
    CHECK(has(text, R"(relevo_held_records{stage="infer",worker="0"} 3)"));
    CHECK(has(text, R"(relevo_oldest_undispatched_seconds{stage="infer",worker="0"} 4.5)"));
}

TEST_CASE("a worker's newer figures replace its older ones, and stages share a registry") {
    Metrics metrics;
    StageMetrics infer(metrics.registry(), "infer");
    StageMetrics relay(metrics.registry(), "relay");
    infer.gauges(0, 1, 9, 0, 0);
    infer.gauges(0, 1, 4, 0, 0);
    relay.gauges(0, 1, 7, 0, 0);
    const auto text = metrics.text();
    CHECK(has(text, R"(relevo_behind_records{stage="infer",worker="0"} 4)"));
    CHECK(has(text, R"(relevo_behind_records{stage="relay",worker="0"} 7)"));
}

TEST_CASE("what is counted outside of stages carries the product's name") {
    Metrics metrics;
    metrics.count("webhooks", "Webhooks, by status", "status", "200", 2);
    metrics.count("webhooks", "Webhooks, by status", "status", "200");
    CHECK(has(metrics.text(), R"(relevo_webhooks_total{status="200"} 3)"));
}

TEST_CASE("a gauge is what was set last, and nothing once it is forgotten") {
    Metrics metrics;
    metrics.set("open", "Open ones", {{"stage", "infer"}}, 3);
    metrics.set("open", "Open ones", {{"stage", "infer"}}, 2);
    metrics.set("open", "Open ones", {{"stage", "relay"}}, 5);
    CHECK(has(metrics.text(), R"(relevo_open{stage="infer"} 2)"));
    metrics.forget("open", "Open ones");
    CHECK(metrics.text().find("relevo_open{") == std::string::npos);
    metrics.set("open", "Open ones", {{"stage", "relay"}}, 1);
    CHECK(has(metrics.text(), R"(relevo_open{stage="relay"} 1)"));
    CHECK_FALSE(has(metrics.text(), R"(relevo_open{stage="infer"} 2)"));
}

TEST_CASE("durations go into the buckets of every histogram") {
    Metrics metrics;
    metrics.took("answer", "Answers", {{"route", "/healthz"}}, 0.003);
    CHECK(has(metrics.text(), R"(relevo_answer_seconds_bucket{route="/healthz",le="0.0025"} 0)"));
    CHECK(has(metrics.text(), R"(relevo_answer_seconds_bucket{route="/healthz",le="0.005"} 1)"));
}

}  // namespace relevo
