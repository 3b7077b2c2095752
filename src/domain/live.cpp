#include "domain/live.hpp"

#include "core/json_object.hpp"

namespace relevo {
namespace {

std::string desk_event(std::string_view event, TenantId tenant, ConversationId conversation) {
    return JsonObject()
        .text("event", event)
        .number("tenant", tenant.value)
        .id("conversation", conversation)
        .str();
}

}  // namespace

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

std::string desk_written(TenantId tenant, ConversationId conversation) {
    return desk_event("written", tenant, conversation);
}

std::string desk_changed(TenantId tenant, ConversationId conversation) {
    return desk_event("changed", tenant, conversation);
}

void tell_desk_changed(Live& live, TenantId tenant, ConversationId conversation) {
    live.publish(conversation_channel(tenant, conversation), live_changed());
    live.publish(desk_channel, desk_changed(tenant, conversation));
}

}  // namespace relevo
