#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace relevo {

/// What a shell must know of an option or argument.
struct CommandOption {
    std::vector<std::string> names;  ///< "--config", "-c"; none: an argument by its place
    std::string help;
    bool takes_value = false;
    std::vector<std::string> choices;  ///< of its value; none: any, or a file
};

/// A command as a shell completes it.
struct Command {
    std::vector<std::string> path;  ///< "topics", "list"; empty: the program itself
    std::string help;
    std::vector<CommandOption> options;  ///< those that every command takes among them
    std::vector<CommandOption> arguments;
    std::vector<std::string> commands;  ///< the names of its own
};

/// The program and every command of it, parents before children.
std::vector<Command> command_tree(const CLI::App& root);

}  // namespace relevo
