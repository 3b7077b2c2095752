#include "tests/simulation/bugs.hpp"

#include <algorithm>
#include <iterator>

namespace relevo {

const std::vector<SimBug>& all_bugs() {
    static const std::vector<SimBug> bugs = [] {
        std::vector<SimBug> all = log_bugs();
        std::ranges::move(stage_bugs(), std::back_inserter(all));
        std::ranges::move(database_bugs(), std::back_inserter(all));
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
