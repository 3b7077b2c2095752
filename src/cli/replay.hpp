#pragma once

#include <string>
#include <vector>

#include "domain/turn_replay.hpp"
#include "runtime/replay.hpp"

namespace relevo {

// How replays are shown. Without `text` nobody's words are.

/// One piece of work, for a person, or as one line of JSON.
std::string show_work(const ReplayedWork& work, bool text);
std::string work_json(const ReplayedWork& work, bool text);

/// A replay of turns. `asked` says what was to be different.
struct TurnReport {
    std::string asked;
    std::vector<ReplayedTurn> turns;
    std::size_t all = 0;  ///< more than turns.size() where it was interrupted
    bool text = false;
};

std::string show_turns(const TurnReport& report);
std::string turns_json(const TurnReport& report);
/// A page of its own: no script, nothing to load.
std::string turns_page(const TurnReport& report);

/// Of all turns: how many are the same, differ, failed, and what both sides took.
struct TurnTotals {
    std::size_t same = 0;
    std::size_t different = 0;
    std::size_t failed = 0;
    Usage before;
    Usage after;
    Cost cost_before;
    Cost cost_after;
};
TurnTotals total(const std::vector<ReplayedTurn>& turns);

}  // namespace relevo
