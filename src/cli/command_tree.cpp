#include "cli/command_tree.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

namespace relevo {
namespace {

// CLI11 tells a closed set in the type's name: "TEXT:{bash,zsh,fish}".
std::vector<std::string> choices_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const auto open = type.find('{');
    const auto close = type.find('}', open);
    std::vector<std::string> out;
    if (open == std::string::npos || close == std::string::npos) return out;
    std::istringstream in(type.substr(open + 1, close - open - 1));
    for (std::string choice; std::getline(in, choice, ',');) out.push_back(choice);
    return out;
}

CommandOption describe(const CLI::Option& option) {
    CommandOption out;
    for (const auto& name : option.get_lnames()) out.names.push_back("--" + name);
    for (const auto& name : option.get_snames()) out.names.push_back("-" + name);
    out.help = option.get_description();
    out.takes_value = option.get_items_expected_max() > 0;
    out.choices = choices_of(option);
    return out;
}

void add(const CLI::App& app, std::vector<std::string> path, const std::vector<CommandOption>& of_root,
         std::vector<Command>& out) {
    Command command{std::move(path), app.get_description(), {}, {}, {}};
    for (const auto* option : app.get_options()) {
        (option->get_positional() ? command.arguments : command.options).push_back(describe(*option));
    }
    for (const auto& option : of_root) {
        const auto is_same = [&](const auto& own) { return own.names == option.names; };
        // --help is each command's own
        if (std::none_of(command.options.begin(), command.options.end(), is_same))
            command.options.push_back(option);
    }
    const auto children = app.get_subcommands([](const CLI::App*) { return true; });
    for (const auto* child : children) command.commands.push_back(child->get_name());
    out.push_back(command);
    const auto& inherited = command.path.empty() ? command.options : of_root;
    for (const auto* child : children) {
        auto below = command.path;
        below.push_back(child->get_name());
        add(*child, std::move(below), inherited, out);
    }
}

}  // namespace

std::vector<Command> command_tree(const CLI::App& root) {
    std::vector<Command> out;
    add(root, {}, {}, out);
    return out;
}

}  // namespace relevo
