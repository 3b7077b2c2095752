#include <fmt/format.h>

#include "cli/commands.hpp"
#include "core/json_object.hpp"

namespace relevo {

void add_version(Commands& commands) {
    commands.takes_json(commands.add(commands.root(), "version", "Print the version", "version", [&commands] {
        const std::string& version = commands.backend().version;
        commands.json() ? fmt::print("{}\n", JsonObject().text("version", version).str())
                        : fmt::print("relevo {}\n", version);
        return 0;
    }));
}

}  // namespace relevo
