#pragma once

#include <string>
#include <vector>

#include "domain/shop.hpp"

namespace relevo {

/// All that makes an agent, as its versions keep it: a JSON object with the names of the database's columns.
std::string agent_json(const AgentSpec& agent);
/// The same without the name.
std::string agent_settings_json(const AgentSpec& agent);

/// One of an agent's settings as people read it. `text` may have several lines.
struct AgentField {
    std::string name;
    std::string text;
};
/// All of them but the name, in the order of a file that states them.
std::vector<AgentField> agent_fields(const AgentSpec& agent);

struct AgentChange {
    std::string field;
    std::string before;
    std::string after;
};
/// What differs, but for the name.
std::vector<AgentChange> agent_changes(const AgentSpec& before, const AgentSpec& after);

}  // namespace relevo
