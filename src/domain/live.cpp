#include "domain/live.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "core/utf8.hpp"

namespace relevo {
namespace {

class Event {
  public:
    explicit Event(std::string_view name) : writer_(buffer_) {
        writer_.StartObject();
        text("event", name);
    }
    Event& text(std::string_view name, std::string_view value) {
        string(name);
        string(clean_utf8(value));
        return *this;
    }
    Event& number(std::string_view name, std::int64_t value) {
        string(name);
        writer_.Int64(value);
        return *this;
    }
    std::string take() {
        writer_.EndObject();
        return {buffer_.GetString(), buffer_.GetSize()};
    }

  private:
    void string(std::string_view value) {
        writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    }

    rapidjson::StringBuffer buffer_;
    rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

}  // namespace

std::string conversation_channel(TenantId tenant, ConversationId conversation) {
    return "conversation:" + tenant.to_string() + ":" + conversation.to_string();
}

std::string live_delta(TurnId turn, int index, std::string_view text, std::int64_t epoch) {
    return Event("delta")
        .text("turn", turn.to_string())
        .number("index", index)
        .text("text", text)
        .number("epoch", epoch)
        .take();
}

std::string live_withdrawn(TurnId turn) {
    return Event("withdrawn").text("turn", turn.to_string()).take();
}

std::string live_changed() {
    return Event("changed").take();
}

}  // namespace relevo
