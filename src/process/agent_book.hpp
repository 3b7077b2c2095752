#pragma once

#include <memory>
#include <string>

#include "cli/config.hpp"
#include "domain/agent_book.hpp"

namespace relevo {

/// What it changes is noted as `user`'s, who types the command.
std::unique_ptr<AgentBook> make_agent_book(const Config& config, const std::string& user);

}  // namespace relevo
