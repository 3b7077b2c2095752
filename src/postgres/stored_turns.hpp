#pragma once

#include <utility>
#include <vector>

#include "domain/turn_replay.hpp"
#include "postgres/database.hpp"

namespace relevo {

/// The turns that are meant and that a model answered, oldest first. As relevo_operator_text.
Task<std::vector<std::pair<TenantId, TurnId>>> find_stored_turns(Database& database, TurnReplay replay);

/// The turn with the agent of that version, or as it was frozen. As relevo_operator_text. Throws Failure
/// "replay.unknown_version" (permanent).
Task<StoredTurn> load_stored_turn(Database& database, TenantId tenant, TurnId turn,
                                  std::optional<int> agent_version);

/// What a call costs at the prices that hold now. As relevo_operator_text.
Task<Cost> price_call(Database& database, PlannedCall call, Usage usage, SysTime now);

}  // namespace relevo
