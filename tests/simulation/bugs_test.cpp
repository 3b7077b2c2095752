#include <doctest/doctest.h>

#include <set>

#include "tests/simulation/bugs.hpp"
#include "tests/simulation/storm.hpp"

namespace relevo {

// A simulator that finds nothing may be blind.
TEST_CASE("the simulator finds each deliberate bug with its recorded seed, which is well without the bug") {
    for (const auto& bug : all_bugs()) {
        CAPTURE(bug.name);
        CHECK_FALSE(Storm(bug.seed, false, bug.parts).run().empty());
        CHECK(Storm(bug.seed).run().empty());
    }
}

TEST_CASE("there are at least fifteen deliberate bugs, each with a name of its own") {
    std::set<std::string> names;
    for (const auto& bug : all_bugs()) names.insert(bug.name);
    CHECK(names.size() == all_bugs().size());
    CHECK(names.size() >= 15);
}

}  // namespace relevo
