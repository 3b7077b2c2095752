#pragma once

#include <optional>
#include <string>
#include <vector>

#include "domain/stores.hpp"
#include "postgres/database.hpp"

namespace relevo {

/// As ResolveStore::find_account and SettleStore::find_account promise.
Task<std::optional<Account>> find_account(Database& database, std::string channel, std::string external_id,
                                          EndpointId scope, std::optional<SysTime> written);

/// As ResolveStore::find_owner promises.
Task<std::optional<Account>> find_owner(Database& database, std::string channel, EndpointId scope);

/// {"kind","value"}
std::string alias_json(const Alias& alias);

/// {"replies": [ids]} as the ids.
std::vector<ReplyId> parse_replies(const std::string& result);

/// Ends the turn with the fallback bubble: RetrieveStore::fail_turn and InferStore::fail_turn.
Task<std::vector<ReplyId>> fail_turn(Database& database, TenantId tenant, TurnId turn, std::string code,
                                     SysTime now);

/// Ends the turn without a bubble: RetrieveStore::drop_turn and InferStore::drop_turn.
Task<void> drop_turn(Database& database, TenantId tenant, TurnId turn, std::string reason, SysTime now);

}  // namespace relevo
