#include <unistd.h>

#include <filesystem>

#include "cli/commands.hpp"

namespace relevo {
namespace {

// A program of its own, beside this one: what kills processes has no place in what they run.
int execute(const Commands& commands, const std::vector<std::string>& arguments) {
    const auto program = std::filesystem::read_symlink("/proc/self/exe").replace_filename("relevo-prove");
    std::vector<std::string> words{program.string(), "--config", commands.config_file()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(program.c_str(), argv.data());
    throw Failure({Fault::permanent, "prove.not_installed",
                   program.string() + " is not there: ./dev prove builds it beside relevo, and runs it"});
}

}  // namespace

void add_prove(Commands& commands) {
    auto* prove = commands.add(
        commands.root(), "prove",
        "Kill workers, brokers and databases of an installation of its own, and balance the books",
        "prove --kills 100",
        [&commands] { return execute(commands, commands.root().get_subcommand("prove")->remaining()); });
    // Its options, --help among them, are that program's.
    prove->set_help_flag();
    prove->fallthrough(false);
    prove->prefix_command();
}

}  // namespace relevo
