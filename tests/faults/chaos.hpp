#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "core/task.hpp"
#include "tests/faults/fleet.hpp"

namespace relevo::faults {

/// What is done to the workers and to the servers.
struct Plan {
    int kills = 0;              ///< SIGKILLs of workers, at random and at points; 0: until the time is over
    Millis time{0};             ///< 0: until the kills are done
    Millis every{2'500};        ///< on average, between two blows
    Millis stall{9'000};        ///< longer than the session of a group's member
    std::string restart_kafka;  ///< commands; "": it is left alone
    std::string restart_postgres;
    std::function<void()> wipe_redis;
    bool each_point = false;  ///< instead of all that: every point once
};

/// What was done.
struct Blows {
    int killed = 0;
    int at_points = 0;
    int stalled = 0;
    int left = 0;  ///< and joined again
    int kafka = 0;
    int postgres = 0;
    int redis = 0;
    int ended = 0;  ///< workers that ended by themselves: a server was away at their start
    std::map<std::string, int> points;
    std::vector<std::string> crashes;
    int kills() const { return killed + at_points; }
};

/// Deals the blows, one after the other, drawn from a seed.
class Chaos {
  public:
    Chaos(Plan plan, std::uint64_t seed) : plan_(std::move(plan)), random_(seed) {}

    /// Until the plan is carried out, or `stop`.
    Task<void> run(Fleet& fleet);
    void stop() { stopping_ = true; }
    void died(const Fleet::Death& death);
    const Blows& blows() const { return blows_; }
    /// Points that nobody came to, where each was to be visited.
    std::set<std::string> missing() const;

  private:
    bool over() const;
    Task<void> blow(Fleet& fleet);
    Task<void> visit_points(Fleet& fleet);
    void arm_one(Fleet& fleet, std::size_t place);
    Task<void> execute(std::string command, int& count);

    Plan plan_;
    SystemClock clock_;
    SeededRandom random_;
    boost::asio::thread_pool blocking_{1};
    std::vector<std::string> next_points_;
    SysTime begun_{};
    Blows blows_;
    bool stopping_ = false;
};

}  // namespace relevo::faults
