#include <fmt/format.h>

#include "cli/commands.hpp"

namespace relevo {

void add_version(Commands& commands) {
    commands.add(commands.root(), "version", "Print the version", "version", [&commands] {
        fmt::print("relevo {}\n", commands.backend().version);
        return 0;
    });
}

}  // namespace relevo
