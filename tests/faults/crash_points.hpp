#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "process/surroundings.hpp"

namespace relevo::faults {

/// Every place at which a worker can be told to die. What they look at is what the process shows to whoever
/// watches it: the steps of its stages, its operations on the database, its calls to providers and models.
const std::vector<std::string>& crash_points();

/// Watches a process from within and ends it where it was told to, as a SIGKILL would.
class CrashPoints final : public Observer, public DatabaseObserver {
  public:
    /// `die` does not return; it is told the point.
    explicit CrashPoints(std::function<void(const std::string&)> die) : die_(std::move(die)) {}

    /// The next passing of one of `points`, or the `nth` in all, is the last. Replaces what was said before.
    /// From any thread.
    void arm(std::set<std::string> points, int nth);
    /// What the process is to be surrounded with.
    Surroundings surroundings();

    void received(const std::vector<Record>&) override { pass("ingress.received"); }
    void ingested(const std::vector<Record>&, SysTime) override { pass("ingress.ingested"); }
    void taken(const StageSpec& stage, const WorkRecords&) override { pass(stage.name + ".taken"); }
    void handled(const StageSpec& stage, const WorkRecords&) override { pass(stage.name + ".handled"); }
    void published(const StageSpec& stage, const WorkRecords&) override { pass(stage.name + ".published"); }
    void settled(const Settlement& it) override { pass(it.stage.name + ".settled"); }
    void committed(const StageSpec& stage, const std::vector<Commit>&) override {
        pass(stage.name + ".committed");
    }
    void asked(std::string_view op) override { pass("postgres." + std::string(op) + ".before"); }
    void answered(std::string_view op, bool) override { pass("postgres." + std::string(op) + ".after"); }

  private:
    class Http;
    void pass(const std::string& point);

    std::function<void(const std::string&)> die_;
    std::atomic<bool> armed_{false};
    std::mutex mutex_;
    std::set<std::string> points_;
    int left_ = 0;
};

}  // namespace relevo::faults
