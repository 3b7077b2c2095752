#include "cli/command_tree.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "cli/commands.hpp"

using namespace relevo;

namespace {

std::vector<Command> tree() {
    const Backend backend;
    Commands commands(backend);
    return command_tree(commands.root());
}

std::string line_of(const Command& command) {
    std::string line;
    for (const auto& word : command.path) line += (line.empty() ? "" : " ") + word;
    return line;
}

bool has_option(const Command& command, const std::string& name) {
    return std::any_of(command.options.begin(), command.options.end(), [&](const auto& option) {
        return std::find(option.names.begin(), option.names.end(), name) != option.names.end();
    });
}

}  // namespace

TEST_CASE("every command says in its help what it does and shows an example of itself") {
    const Backend backend;
    Commands commands(backend);
    for (const auto& command : command_tree(commands.root())) {
        if (command.path.empty()) continue;
        const CLI::App* app = &commands.root();
        for (const auto& word : command.path) app = app->get_subcommand(word);
        CAPTURE(line_of(command));
        CHECK_FALSE(command.help.empty());
        CHECK(has_option(command, "--help"));
        CHECK(app->help().find("Example: relevo " + line_of(command)) != std::string::npos);
    }
}

TEST_CASE("whatever an operator reads can be read as JSON") {
    // These change something, print a script, run until they are stopped, are another program's, or print
    // JSON anyway.
    const std::set<std::string> without{"run",
                                        "prove",
                                        "dead edit",
                                        "topics apply",
                                        "migrate up",
                                        "completion bash",
                                        "completion zsh",
                                        "completion fish",
                                        "vault remove",
                                        "vault put",
                                        "keygen",
                                        "people add",
                                        "people invite",
                                        "people change",
                                        "people sign-out",
                                        "people put-role",
                                        "people remove-role",
                                        "keys add",
                                        "keys revoke",
                                        "operators add",
                                        "operators remove",
                                        "prices apply",
                                        "budgets remove",
                                        "person export"};
    for (const auto& command : tree()) {
        if (!command.commands.empty()) continue;
        CAPTURE(line_of(command));
        CHECK(has_option(command, "--json") != without.contains(line_of(command)));
    }
}

TEST_CASE("the tree has every command with its options, those of the program among them") {
    const auto all = tree();
    CHECK(all.front().path.empty());
    const auto found = std::find_if(all.begin(), all.end(),
                                    [](const auto& command) { return line_of(command) == "shops apply"; });
    REQUIRE(found != all.end());
    CHECK(has_option(*found, "--config"));
    CHECK(has_option(*found, "-c"));
    CHECK(found->arguments.size() == 1);
    for (const auto& option : found->options) {
        if (option.names.front() == "--config" || option.names.front() == "--model")
            CHECK(option.takes_value);
        if (option.names.front() == "--json" || option.names.front() == "--help")
            CHECK_FALSE(option.takes_value);
    }
    const auto helps = std::count_if(found->options.begin(), found->options.end(),
                                     [](const auto& option) { return option.names.front() == "--help"; });
    CHECK(helps == 1);
}

TEST_CASE("a closed set of values is told") {
    CLI::App app;
    std::string shell;
    app.add_subcommand("paint")->add_option("--colour", shell)->check(CLI::IsMember({"red", "blue"}));
    const auto all = command_tree(app);
    REQUIRE(all.size() == 2);
    const auto& options = all[1].options;
    const auto colour = std::find_if(options.begin(), options.end(),
                                     [](const auto& option) { return option.names.front() == "--colour"; });
    REQUIRE(colour != options.end());
    CHECK(colour->choices == std::vector<std::string>{"red", "blue"});
}
