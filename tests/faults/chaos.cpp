#include "tests/faults/chaos.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cstdlib>

#include "core/error.hpp"
#include "tests/faults/crash_points.hpp"

namespace relevo::faults {

namespace asio = boost::asio;

bool Chaos::over() const {
    if (stopping_) return true;
    if (plan_.time.count() > 0 && clock_.now() - begun_ >= plan_.time) return true;
    if (plan_.each_point) return missing().empty();
    return plan_.kills > 0 && blows_.kills() >= plan_.kills;
}

std::set<std::string> Chaos::missing() const {
    if (!plan_.each_point) return {};
    std::set<std::string> names(crash_points().begin(), crash_points().end());
    std::erase_if(names, [this](const auto& name) { return blows_.points.contains(name); });
    return names;
}

void Chaos::died(const Fleet::Death& death) {
    if (!death.crash.empty()) {
        blows_.crashes.push_back("a worker crashed: " + death.crash);
    } else if (!death.point.empty()) {
        ++blows_.at_points;
        ++blows_.points[death.point];
    } else if (death.exit) {
        ++blows_.ended;
    } else if (!death.asked) {
        ++blows_.killed;
    }
}

Task<void> Chaos::run(Fleet& fleet) {
    begun_ = clock_.now();
    while (!over()) {
        if (plan_.each_point) {
            co_await visit_points(fleet);
        } else {
            const double share = 0.5 + random_.uniform();
            co_await clock_.sleep_until(
                clock_.now() +
                Millis{static_cast<std::int64_t>(share * static_cast<double>(plan_.every.count()))});
            if (!over()) co_await blow(fleet);
        }
    }
}

// Whoever comes first to any of those that are left dies there. So the common ones are done with soon, and
// all wait for the rare ones.
Task<void> Chaos::visit_points(Fleet& fleet) {
    const auto points = missing();
    for (std::size_t place = 0; place < fleet.size(); ++place) {
        if (fleet.runs(place)) fleet.arm(place, points, 1);
    }
    co_await clock_.sleep_until(clock_.now() + Millis{200});
}

Task<void> Chaos::blow(Fleet& fleet) {
    const double kind = random_.uniform();
    if (kind < 0.015 && !plan_.restart_kafka.empty()) {
        co_return co_await execute(plan_.restart_kafka, blows_.kafka);
    }
    if (kind < 0.03 && !plan_.restart_postgres.empty()) {
        co_return co_await execute(plan_.restart_postgres, blows_.postgres);
    }
    if (kind < 0.06) {
        try {
            plan_.wipe_redis();
            ++blows_.redis;
        } catch (const Failure&) {
            // Redis is away: nothing is there to be wiped
        }
        co_return;
    }
    const auto place = fleet.any_free();
    if (!place) {  // all wait at points that nobody comes to
        if (const auto armed = fleet.any_armed()) fleet.kill(*armed);
    } else if (kind < 0.11) {
        ++blows_.stalled;
        fleet.stall(*place, plan_.stall);
    } else if (kind < 0.17) {
        ++blows_.left;
        fleet.leave(*place, Millis{static_cast<std::int64_t>(1'000 + random_.below(4'000))});
    } else if (kind < 0.55) {
        fleet.kill(*place);
    } else {
        arm_one(fleet, *place);
    }
}

// All points have their turn before one comes again.
void Chaos::arm_one(Fleet& fleet, std::size_t place) {
    if (next_points_.empty()) {
        next_points_ = crash_points();
        for (std::size_t i = next_points_.size(); i > 1; --i) {
            std::swap(next_points_[i - 1], next_points_[random_.below(i)]);
        }
    }
    fleet.arm(place, {next_points_.back()}, static_cast<int>(1 + random_.below(8)));
    next_points_.pop_back();
}

// A busy machine may need more than one attempt to bring a server up again.
Task<void> Chaos::execute(std::string command, int& count) {
    constexpr int attempts = 5;
    for (int attempt = 1; attempt <= attempts; ++attempt) {
        const int status = co_await asio::co_spawn(
            blocking_, [command]() -> Task<int> { co_return std::system(command.c_str()); },
            asio::use_awaitable);
        if (status == 0) {
            ++count;
            co_return;
        }
    }
    throw Failure({Fault::permanent, "prove.restart_failed", "this failed: " + command});
}

}  // namespace relevo::faults
