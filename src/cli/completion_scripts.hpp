#pragma once

#include <string>
#include <vector>

#include "cli/command_tree.hpp"

namespace relevo {

// What a shell reads to complete `relevo`'s commands and options.
std::string bash_completion(const std::vector<Command>& tree);
std::string zsh_completion(const std::vector<Command>& tree);
std::string fish_completion(const std::vector<Command>& tree);

}  // namespace relevo
