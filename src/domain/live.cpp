#include "domain/live.hpp"

#include "core/json_object.hpp"

namespace relevo {
std::string conversation_channel(TenantId tenant, ConversationId conversation) {
    return "conversation:" + tenant.to_string() + ":" + conversation.to_string();
}

std::string live_delta(TurnId turn, int index, std::string_view text, std::int64_t epoch) {
    return JsonObject()
        .text("event", "delta")
        .id("turn", turn)
        .number("index", index)
        .text("text", text)
        .number("epoch", epoch)
        .str();
}

std::string live_withdrawn(TurnId turn) {
    return JsonObject().text("event", "withdrawn").id("turn", turn).str();
}

std::string live_changed() {
    return JsonObject().text("event", "changed").str();
}

}  // namespace relevo
