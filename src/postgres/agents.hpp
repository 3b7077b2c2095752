#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "domain/agent_book.hpp"
#include "domain/agent_rules.hpp"
#include "postgres/database.hpp"
#include "postgres/json.hpp"

namespace relevo {

// A shop's agents with their drafts and versions. Every call may throw what Database::call throws.

/// As agent_snapshot() has it; what it leaves out is as the product has it.
AgentSpec parse_agent_spec(const Json& json);
/// As op_get_agent has it.
AgentRecord parse_agent_record(const Json& json);
/// Somebody published it meanwhile: agent.changed (transient).
Error agent_changed(const std::string& agent);

Task<std::vector<AgentTemplate>> list_agent_templates(Database& database);
Task<std::vector<AgentLine>> list_agents(Database& database, TenantId tenant);
Task<std::optional<AgentRecord>> find_agent(Database& database, TenantId tenant, std::string name);
Task<std::optional<AgentSpec>> find_agent_version(Database& database, TenantId tenant, std::string name,
                                                  int version);
/// In the place of an earlier draft; the agent is made where there is none of that name.
Task<void> draft_agent(Database& database, TenantId tenant, AgentSpec agent);
/// Makes `agent` the newest version of the agent of its name, whose published one is `was`: its number.
/// Throws as AgentBook::publish says, but for what refuse_agent gives: the caller has asked that.
Task<int> publish_agent(Database& database, TenantId tenant, AgentSpec agent, int was);
/// What refuse_agent asks of the shop. `means`: the installation's.
Task<AgentSurroundings> agent_surroundings(Database& database, TenantId tenant, std::string slug,
                                           AgentMeans means);

}  // namespace relevo
