#include "domain/records.hpp"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <array>
#include <limits>

#include "core/json_object.hpp"

namespace relevo {
namespace {

constexpr std::array<std::string_view, 5> inbound_kinds{"message", "reaction", "echo", "renamed", "archived"};
constexpr std::array<std::string_view, 4> receipt_statuses{"sent", "delivered", "read", "failed"};

std::string write_aliases(const std::vector<Alias>& aliases) {
    std::vector<std::string> items;
    for (const auto& alias : aliases) {
        items.push_back(JsonObject().text("kind", alias.kind).text("value", alias.value).str());
    }
    return json_array(items);
}

std::string write_window(const BurstPolicy& window) {
    return JsonObject()
        .number("quiet_ms", window.quiet.count())
        .number("max_wait_ms", window.max_wait.count())
        .number("max_count", static_cast<std::int64_t>(window.max_count))
        .str();
}

// Thrown and caught within this file only: the first field that is wrong ends the decoding.
struct Malformed {
    std::string text;
};

// One object of a record. The name of a field that is wrong goes into the error, its value never.
class Object {
  public:
    Object(const rapidjson::Value& value, std::string_view where) : value_(value), where_(where) {
        if (!value.IsObject()) throw Malformed{place("") + " is not an object"};
    }

    std::string text(std::string_view name) const {
        const auto* value = find(name);
        if (value == nullptr) return {};
        if (!value->IsString()) throw Malformed{place(name) + " is not a string"};
        return {value->GetString(), value->GetStringLength()};
    }
    std::string required_text(std::string_view name) const {
        auto value = text(name);
        if (value.empty()) throw Malformed{place(name) + " is missing"};
        return value;
    }
    std::int64_t number(std::string_view name, std::int64_t least = 0,
                        std::int64_t most = std::numeric_limits<std::int64_t>::max()) const {
        const auto& value = required(name);
        if (!value.IsInt64() || value.GetInt64() < least || value.GetInt64() > most) {
            throw Malformed{place(name) + " is not a whole number in its range"};
        }
        return value.GetInt64();
    }
    std::optional<SysTime> time(std::string_view name) const {
        if (find(name) == nullptr) return std::nullopt;
        return from_millis(number(name, std::numeric_limits<std::int64_t>::min()));
    }
    template <class Id>
    Id id(std::string_view name) const {
        const auto parsed = Id::parse(required_text(name));
        if (!parsed) throw Malformed{place(name) + " is not a UUID"};
        return *parsed;
    }
    template <class Enum, std::size_t N>
    Enum one_of(std::string_view name, const std::array<std::string_view, N>& names) const {
        const auto value = required_text(name);
        for (std::size_t i = 0; i < N; ++i) {
            if (names[i] == value) return static_cast<Enum>(i);
        }
        throw Malformed{place(name) + " is not one of its values"};
    }
    const rapidjson::Value& required(std::string_view name) const {
        const auto* value = find(name);
        if (value == nullptr) throw Malformed{place(name) + " is missing"};
        return *value;
    }
    bool has(std::string_view name) const { return find(name) != nullptr; }

  private:
    const rapidjson::Value* find(std::string_view name) const {
        const rapidjson::Value key(
            rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size())));
        const auto member = value_.FindMember(key);
        return member == value_.MemberEnd() || member->value.IsNull() ? nullptr : &member->value;
    }
    std::string place(std::string_view name) const {
        std::string out(where_);
        if (!name.empty()) out.append(".").append(name);
        return out;
    }

    const rapidjson::Value& value_;
    std::string_view where_;
};

template <class Record, class Read>
Result<Record> decode(std::string_view value, std::string_view what, Read read) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(value.data(), value.size());
    if (document.HasParseError()) {
        return Error{Fault::permanent, "record.malformed",
                     std::string(what) + " is not JSON at byte " + std::to_string(document.GetErrorOffset()) +
                         ": " + rapidjson::GetParseError_En(document.GetParseError())};
    }
    try {
        return read(Object(document, what));
    } catch (const Malformed& malformed) {
        return Error{Fault::permanent, "record.malformed", malformed.text};
    }
}

std::vector<Alias> read_aliases(const rapidjson::Value& value) {
    if (!value.IsArray()) throw Malformed{"aliases is not an array"};
    std::vector<Alias> aliases;
    for (const auto& item : value.GetArray()) {
        const Object alias(item, "aliases[]");
        aliases.push_back({alias.required_text("kind"), alias.required_text("value")});
    }
    return aliases;
}

BurstPolicy read_window(const rapidjson::Value& value) {
    const Object window(value, "window");
    return {Millis{window.number("quiet_ms")}, Millis{window.number("max_wait_ms")},
            static_cast<std::size_t>(window.number("max_count", 1))};
}

}  // namespace

std::string encode(const MessageReceived& record) {
    const auto& inbound = record.inbound;
    return JsonObject()
        .text("channel", record.channel)
        .number("scope", record.scope.value)
        .text("kind", inbound_kinds.at(static_cast<std::size_t>(inbound.kind)))
        .text_if_any("account", inbound.account)
        .text("event_id", inbound.event_id)
        .raw("aliases", write_aliases(inbound.aliases))
        .text_if_any("name", inbound.name)
        .text_if_any("type", inbound.type)
        .text_if_any("text", inbound.text)
        .text_if_any("in_reply_to", inbound.in_reply_to)
        .time("sent_at_ms", inbound.sent_at)
        .text_if_any("metadata", inbound.metadata)
        .text_if_any("raw", inbound.raw)
        .str();
}

Result<MessageReceived> decode_message_received(std::string_view value) {
    return decode<MessageReceived>(value, topics::messages_received, [](const Object& in) -> MessageReceived {
        MessageReceived record;
        record.channel = in.required_text("channel");
        record.scope = EndpointId{in.number("scope")};
        auto& inbound = record.inbound;
        inbound.kind = in.one_of<InboundKind>("kind", inbound_kinds);
        inbound.account = in.text("account");
        inbound.event_id = in.required_text("event_id");
        inbound.aliases = read_aliases(in.required("aliases"));
        inbound.name = in.text("name");
        inbound.type = in.text("type");
        inbound.text = in.text("text");
        inbound.in_reply_to = in.text("in_reply_to");
        inbound.sent_at = in.time("sent_at_ms");
        inbound.metadata = in.text("metadata");
        inbound.raw = in.text("raw");
        return record;
    });
}

std::string encode(const MessageResolved& record) {
    return JsonObject()
        .number("tenant", record.tenant.value)
        .id("conversation", record.conversation)
        .id("message", record.message)
        .number("seq", record.seq)
        .raw("window", write_window(record.window))
        .str();
}

Result<MessageResolved> decode_message_resolved(std::string_view value) {
    return decode<MessageResolved>(value, topics::messages_resolved, [](const Object& in) -> MessageResolved {
        return {TenantId{in.number("tenant")}, in.id<ConversationId>("conversation"),
                in.id<MessageId>("message"), in.number("seq"), read_window(in.required("window"))};
    });
}

std::string encode(const TurnStep& record) {
    return JsonObject()
        .number("tenant", record.tenant.value)
        .id("conversation", record.conversation)
        .id("turn", record.turn)
        .number("step", record.step)
        .str();
}

Result<TurnStep> decode_turn_step(std::string_view value) {
    return decode<TurnStep>(value, "turn step", [](const Object& in) -> TurnStep {
        return {TenantId{in.number("tenant")}, in.id<ConversationId>("conversation"), in.id<TurnId>("turn"),
                static_cast<int>(in.number("step", 0, std::numeric_limits<int>::max()))};
    });
}

std::string encode(const ReplyReady& record) {
    return JsonObject()
        .number("tenant", record.tenant.value)
        .id("conversation", record.conversation)
        .id("reply", record.reply)
        .text_if_any("turn", record.turn ? record.turn->to_string() : "")
        .str();
}

Result<ReplyReady> decode_reply_ready(std::string_view value) {
    return decode<ReplyReady>(value, topics::replies_ready, [](const Object& in) -> ReplyReady {
        return {TenantId{in.number("tenant")}, in.id<ConversationId>("conversation"), in.id<ReplyId>("reply"),
                in.has("turn") ? std::optional(in.id<TurnId>("turn")) : std::nullopt};
    });
}

std::string encode(const ReceiptReceived& record) {
    const auto& receipt = record.receipt;
    return JsonObject()
        .text("channel", record.channel)
        .number("scope", record.scope.value)
        .text_if_any("account", receipt.account)
        .text_if_any("provider_id", receipt.provider_id)
        .text_if_any("reply", receipt.reply)
        .text("status", receipt_statuses.at(static_cast<std::size_t>(receipt.status)))
        .time("at_ms", receipt.at)
        .text_if_any("code", receipt.code)
        .text_if_any("text", receipt.text)
        .str();
}

Result<ReceiptReceived> decode_receipt_received(std::string_view value) {
    return decode<ReceiptReceived>(value, topics::receipts_received, [](const Object& in) -> ReceiptReceived {
        return {in.required_text("channel"), EndpointId{in.number("scope")},
                Receipt{in.text("account"), in.text("provider_id"), in.text("reply"),
                        in.one_of<ReceiptStatus>("status", receipt_statuses), in.time("at_ms"),
                        in.text("code"), in.text("text")}};
    });
}

bool is_expired(const HeaderViews& headers, SysTime now) {
    return !headers.expires || *headers.expires < now;
}

bool names_tenant(std::string_view topic) {
    return topic == topics::messages_resolved || topic == topics::turns_ready ||
           topic == topics::inferences_requested || topic == topics::tools_requested ||
           topic == topics::replies_ready;
}

std::string conversation_key(TenantId tenant, ConversationId conversation) {
    return tenant.to_string() + ":" + conversation.to_string();
}

}  // namespace relevo
