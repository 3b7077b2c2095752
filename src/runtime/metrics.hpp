#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace prometheus {
class Registry;
}

namespace relevo {

/// What every stage exports, without writing a line of its own. Safe from any thread.
///   relevo_records_total{stage,outcome}       outcome: emit, drop, park, retry, dead
///   relevo_drops_total{stage,reason}          reasons are from a finite set
///   relevo_errors_total{stage,code}
///   relevo_duration_seconds{stage}            a handler's run, retries apart
///   relevo_in_flight{stage}                   handlers that run now
///   relevo_behind_records{stage}              in the log, not taken
///   relevo_held_records{stage}                taken, not settled: open windows, running calls
///   relevo_oldest_undispatched_seconds{stage} how late the next record is
///   relevo_paused{stage}                      1 while an operator's pause holds the whole stage
///   relevo_paused_tenants{stage}              tenants that a pause holds in it
///   relevo_stuck_total{stage}                 handlers that the watchdog cancelled
class StageMetrics {
  public:
    StageMetrics(prometheus::Registry& registry, std::string stage);
    ~StageMetrics();
    StageMetrics(const StageMetrics&) = delete;
    StageMetrics& operator=(const StageMetrics&) = delete;

    enum class Outcome { emit, drop, park, retry, dead };
    void settled(Outcome outcome, std::size_t records);
    void dropped(std::string_view reason);
    void failed(std::string_view code);
    void took(Millis duration);
    void stuck();
    void paused(bool all, std::size_t tenants);
    /// One worker's figures replace its earlier ones; a stage's are the sum over `worker`.
    void gauges(int worker, std::size_t in_flight, std::int64_t behind, std::size_t held,
                double oldest_seconds);

  private:
    struct Families;
    std::string stage_;
    std::unique_ptr<Families> families_;
};

/// Names and values; every value is from a finite set.
using MetricLabels = std::map<std::string, std::string>;

/// What is measured outside of stages. Names are given without "relevo_" and without the suffixes that their
/// kind brings; each has one help text. Safe from any thread.
class Metrics {
  public:
    Metrics();
    ~Metrics();
    prometheus::Registry& registry() { return *registry_; }
    /// Adds to relevo_<name>_total{label_name=label}.
    void count(std::string_view name, std::string_view help, std::string_view label_name,
               std::string_view label, double by = 1);
    /// Adds to relevo_<name>_total.
    void count(std::string_view name, std::string_view help, const MetricLabels& labels, double by = 1);
    /// relevo_<name> is this now.
    void set(std::string_view name, std::string_view help, const MetricLabels& labels, double value);
    /// Into the histogram relevo_<name>_seconds, from 1 ms to 120 s.
    void took(std::string_view name, std::string_view help, const MetricLabels& labels, double seconds);
    /// Forgets what `set` said of it: a figure that cannot be read now is not the last one that could.
    void forget(std::string_view name, std::string_view help);
    /// The text exposition format, version 0.0.4.
    std::string text() const;

  private:
    std::unique_ptr<prometheus::Registry> registry_;
};

}  // namespace relevo
