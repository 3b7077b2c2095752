#pragma once

#include <memory>

#include "cli/config.hpp"
#include "domain/agent_book.hpp"

namespace relevo {

std::unique_ptr<AgentBook> make_agent_book(const Config& config);

}  // namespace relevo
