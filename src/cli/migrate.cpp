#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "cli/commands.hpp"

namespace relevo {

int show_migrations(Schema& schema, bool json) {
    const auto states = schema.status();
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
    out.StartArray();
    bool complete = true;
    for (const auto& state : states) {
        complete = complete && state.applied;
        if (!json)
            fmt::print("{:04} {:<32} {}\n", state.version, state.name, state.applied ? "applied" : "pending");
        out.StartObject();
        out.Key("version");
        out.Int(state.version);
        out.Key("name");
        out.String(state.name.c_str());
        out.Key("applied");
        out.Bool(state.applied);
        out.EndObject();
    }
    out.EndArray();
    if (json) fmt::print("{}\n", buffer.GetString());
    return complete ? 0 : 1;
}

int apply_migrations(Schema& schema) {
    const auto applied = schema.up();
    for (const auto& name : applied) fmt::print("{} applied\n", name);
    if (applied.empty()) fmt::print("the schema is up to date\n");
    return 0;
}

}  // namespace relevo
