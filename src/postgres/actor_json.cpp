#include "postgres/actor_json.hpp"

#include "core/json_object.hpp"

namespace relevo {

std::string actor_json(const Actor& actor) {
    return JsonObject()
        .text("kind", actor.kind)
        .text("id", actor.id)
        .text("name", actor.name)
        .text("trace", actor.trace)
        .raw("may", json_texts(actor.may.names()))
        .str();
}

}  // namespace relevo
