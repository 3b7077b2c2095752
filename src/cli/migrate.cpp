#include <fmt/format.h>

#include "cli/commands.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

int show_migrations(Schema& schema, bool json) {
    const auto states = schema.status();
    std::vector<std::string> items;
    bool complete = true;
    for (const auto& state : states) {
        complete = complete && state.applied;
        if (!json)
            fmt::print("{:04} {:<32} {}\n", state.version, state.name, state.applied ? "applied" : "pending");
        items.push_back(JsonObject()
                            .number("version", state.version)
                            .text("name", state.name)
                            .flag("applied", state.applied)
                            .str());
    }
    if (json) fmt::print("{}\n", json_array(items));
    return complete ? 0 : 1;
}

int apply_migrations(Schema& schema) {
    const auto applied = schema.up();
    for (const auto& name : applied) fmt::print("{} applied\n", name);
    if (applied.empty()) fmt::print("the schema is up to date\n");
    return 0;
}

}  // namespace

void add_migrate(Commands& commands) {
    auto* migrate = commands.add_group("migrate", "The database's tables");
    const auto schema = [&commands] { return commands.backend().schema(commands.config()); };
    commands.takes_json(commands.add(
        *migrate, "status", "Which migrations are applied; exit code 1: some are not", "migrate status",
        [&commands, schema] { return show_migrations(*schema(), commands.json()); }));
    commands.add(*migrate, "up", "Apply what is missing", "migrate up",
                 [schema] { return apply_migrations(*schema()); });
}

}  // namespace relevo
