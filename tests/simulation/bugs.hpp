#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/sim_parts.hpp"

namespace relevo {

/// A part as somebody might have written it, and nobody should: to show that the simulator finds it.
struct SimBug {
    std::string name;
    std::string what;
    std::uint64_t seed;  ///< of bug_seeds.txt: finds it, and is well without the bug
    std::shared_ptr<const SimParts> parts;
};

const std::vector<SimBug>& all_bugs();
/// Nothing where there is no such bug.
const SimBug* find_bug(std::string_view name);

// Of the files bugs_*.cpp.
std::vector<SimBug> log_bugs();
std::vector<SimBug> stage_bugs();
std::vector<SimBug> database_bugs();

}  // namespace relevo
