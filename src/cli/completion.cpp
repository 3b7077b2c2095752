#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/completion_scripts.hpp"

namespace relevo {
namespace {

using Writer = std::string (*)(const std::vector<Command>&);

struct Shell {
    const char* name;
    Writer write;
    const char* install;
};

constexpr Shell shells[] = {
    {"bash", bash_completion, "source <(relevo completion bash)    in ~/.bashrc"},
    {"zsh", zsh_completion, "relevo completion zsh > ~/.zfunc/_relevo    where fpath has ~/.zfunc"},
    {"fish", fish_completion, "relevo completion fish > ~/.config/fish/completions/relevo.fish"},
};

}  // namespace

void add_completion(Commands& commands) {
    auto* completion = commands.add_group("completion", "Print a script that completes relevo's commands");
    for (const auto& shell : shells) {
        auto* command =
            commands.add(*completion, shell.name, fmt::format("For {}", shell.name),
                         fmt::format("completion {}", shell.name), [&commands, write = shell.write] {
                             fmt::print("{}", write(command_tree(commands.root())));
                             return 0;
                         });
        command->footer(command->get_footer() + "\nInstall it: " + shell.install);
    }
}

}  // namespace relevo
