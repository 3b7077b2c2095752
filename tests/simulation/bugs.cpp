#include "tests/simulation/bugs.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>

namespace relevo {
namespace {

// A schedule changes with the code that it runs: what finds a bug now is data.
std::map<std::string, std::uint64_t> read_seeds() {
    std::ifstream in(RELEVO_SOURCE_DIR "/tests/simulation/bug_seeds.txt");
    std::map<std::string, std::uint64_t> seeds;
    std::string name;
    for (std::uint64_t seed = 0; in >> name >> seed;) seeds[name] = seed;
    return seeds;
}

}  // namespace

const std::vector<SimBug>& all_bugs() {
    static const std::vector<SimBug> bugs = [] {
        std::vector<SimBug> all = log_bugs();
        std::ranges::move(stage_bugs(), std::back_inserter(all));
        std::ranges::move(database_bugs(), std::back_inserter(all));
        const auto seeds = read_seeds();
        for (auto& bug : all) {
            const auto found = seeds.find(bug.name);
            if (found != seeds.end()) bug.seed = found->second;
        }
        return all;
    }();
    return bugs;
}

const SimBug* find_bug(std::string_view name) {
    const auto& all = all_bugs();
    const auto found = std::ranges::find(all, name, &SimBug::name);
    return found == all.end() ? nullptr : &*found;
}

}  // namespace relevo
