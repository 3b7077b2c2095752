#include "postgres/actor_json.hpp"

#include "core/json_object.hpp"

namespace relevo {

std::string actor_json(const Actor& actor) {
    std::vector<std::string> may;
    for (const auto& name : actor.may.names()) may.push_back(json_text(name));
    return JsonObject()
        .text("kind", actor.kind)
        .text("id", actor.id)
        .text("name", actor.name)
        .text("trace", actor.trace)
        .raw("may", json_array(may))
        .str();
}

}  // namespace relevo
