#include "tests/faults/crash_points.hpp"

#include <doctest/doctest.h>

namespace relevo::faults {

TEST_CASE("a point that is armed ends the process at its n-th passing, others are passed") {
    std::string died_at;
    CrashPoints points([&](const std::string& point) { died_at = point; });
    points.asked("claim_reply");
    points.arm({"postgres.claim_reply.after"}, 2);
    points.asked("claim_reply");
    points.answered("claim_reply", false);
    CHECK(died_at.empty());
    points.answered("finish_reply", false);
    CHECK(died_at.empty());
    points.answered("claim_reply", false);
    CHECK(died_at == "postgres.claim_reply.after");
}

TEST_CASE("no point is named twice") {
    const auto& points = crash_points();
    CHECK(std::set<std::string>(points.begin(), points.end()).size() == points.size());
}

}  // namespace relevo::faults
