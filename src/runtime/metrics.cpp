#include "runtime/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <map>

namespace relevo {
namespace {

constexpr std::array outcome_names{"emit", "drop", "park", "retry", "dead"};

// A store's round trip takes milliseconds, a model's answer up to 90 s.
const prometheus::Histogram::BucketBoundaries duration_buckets{
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120};

prometheus::Family<prometheus::Gauge>& gauge(prometheus::Registry& registry, std::string_view name,
                                             std::string_view help) {
    return prometheus::BuildGauge()
        .Name("relevo_" + std::string(name))
        .Help(std::string(help))
        .Register(registry);
}

}  // namespace

struct StageMetrics::Families {
    prometheus::Family<prometheus::Counter>& drops;
    prometheus::Family<prometheus::Counter>& errors;
    prometheus::Family<prometheus::Gauge>& in_flight;
    prometheus::Family<prometheus::Gauge>& behind;
    prometheus::Family<prometheus::Gauge>& held;
    prometheus::Family<prometheus::Gauge>& oldest;
    prometheus::Gauge& paused;
    prometheus::Gauge& paused_tenants;
    prometheus::Histogram& duration;
    prometheus::Counter& stuck;
    std::array<prometheus::Counter*, outcome_names.size()> records;
};

StageMetrics::StageMetrics(prometheus::Registry& registry, std::string stage) : stage_(std::move(stage)) {
    const auto counters = [&](const char* name, const char* help) -> auto& {
        return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
    };
    const auto gauges = [&](const char* name, const char* help) -> auto& {
        return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
    };
    auto& records = counters("relevo_records_total", "Records settled, by outcome; retry counts attempts");
    auto& stuck = counters("relevo_stuck_total", "Handlers that the watchdog cancelled");
    auto& duration = prometheus::BuildHistogram()
                         .Name("relevo_duration_seconds")
                         .Help("A handler's run, retries apart")
                         .Register(registry);
    families_ = std::make_unique<Families>(Families{
        counters("relevo_drops_total", "Records that nothing follows, by reason"),
        counters("relevo_errors_total", "Failed attempts, by code"),
        gauges("relevo_in_flight", "Handlers that run now"),
        gauges("relevo_behind_records", "Records in the log that no lane has taken"),
        gauges("relevo_held_records", "Records taken and not settled: open windows, running calls"),
        gauges("relevo_oldest_undispatched_seconds", "How late the next record is"),
        gauges("relevo_paused", "1 while an operator's pause holds the stage").Add({{"stage", stage_}}),
        gauges("relevo_paused_tenants", "Tenants that a pause holds in the stage").Add({{"stage", stage_}}),
        duration.Add({{"stage", stage_}}, duration_buckets),
        stuck.Add({{"stage", stage_}}),
        {}});
    for (std::size_t i = 0; i < outcome_names.size(); ++i) {
        families_->records[i] = &records.Add({{"stage", stage_}, {"outcome", outcome_names[i]}});
    }
}

StageMetrics::~StageMetrics() = default;

void StageMetrics::settled(Outcome outcome, std::size_t records) {
    families_->records[static_cast<std::size_t>(outcome)]->Increment(static_cast<double>(records));
}

void StageMetrics::dropped(std::string_view reason) {
    families_->drops.Add({{"stage", stage_}, {"reason", std::string(reason)}}).Increment();
}

void StageMetrics::failed(std::string_view code) {
    families_->errors.Add({{"stage", stage_}, {"code", std::string(code)}}).Increment();
}

void StageMetrics::took(Millis duration) {
    families_->duration.Observe(std::chrono::duration<double>(duration).count());
}

void StageMetrics::stuck() {
    families_->stuck.Increment();
}

void StageMetrics::paused(bool all, std::size_t tenants) {
    families_->paused.Set(all ? 1 : 0);
    families_->paused_tenants.Set(static_cast<double>(tenants));
}

void StageMetrics::gauges(int worker, std::size_t in_flight, std::int64_t behind, std::size_t held,
                          double oldest_seconds) {
    const prometheus::Labels labels{{"stage", stage_}, {"worker", std::to_string(worker)}};
    families_->in_flight.Add(labels).Set(static_cast<double>(in_flight));
    families_->behind.Add(labels).Set(static_cast<double>(behind));
    families_->held.Add(labels).Set(static_cast<double>(held));
    families_->oldest.Add(labels).Set(oldest_seconds);
}

Metrics::Metrics() : registry_(std::make_unique<prometheus::Registry>()) {}
Metrics::~Metrics() = default;

void Metrics::count(std::string_view name, std::string_view help, std::string_view label_name,
                    std::string_view label, double by) {
    count(name, help, {{std::string(label_name), std::string(label)}}, by);
}

void Metrics::count(std::string_view name, std::string_view help, const MetricLabels& labels, double by) {
    prometheus::BuildCounter()
        .Name("relevo_" + std::string(name) + "_total")
        .Help(std::string(help))
        .Register(*registry_)
        .Add(labels)
        .Increment(by);
}

void Metrics::set(std::string_view name, std::string_view help, const MetricLabels& labels, double value) {
    gauge(*registry_, name, help).Add(labels).Set(value);
}

void Metrics::took(std::string_view name, std::string_view help, const MetricLabels& labels, double seconds) {
    prometheus::BuildHistogram()
        .Name("relevo_" + std::string(name) + "_seconds")
        .Help(std::string(help))
        .Register(*registry_)
        .Add(labels, duration_buckets)
        .Observe(seconds);
}

void Metrics::forget(std::string_view name, std::string_view help) {
    auto& family = gauge(*registry_, name, help);
    for (const auto& collected : family.Collect()) {
        for (const auto& metric : collected.metric) {
            prometheus::Labels labels;
            for (const auto& label : metric.label) labels[label.name] = label.value;
            family.Remove(&family.Add(labels));
        }
    }
}

std::string Metrics::text() const {
    return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace relevo
