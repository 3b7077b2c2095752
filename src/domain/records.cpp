#include "domain/records.hpp"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <limits>

#include "core/utf8.hpp"

namespace relevo {
namespace {

constexpr std::array<std::string_view, 5> inbound_kinds{"message", "reaction", "echo", "renamed", "archived"};
constexpr std::array<std::string_view, 4> receipt_statuses{"sent", "delivered", "read", "failed"};

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

// Writes one flat object. Empty texts are left out: the decoder gives them back as empty.
class Fields {
  public:
    Fields() : writer_(buffer_) { writer_.StartObject(); }

    void number(std::string_view name, std::int64_t value) {
        key(name);
        writer_.Int64(value);
    }
    void number(std::string_view name, const std::optional<SysTime>& time) {
        if (time) number(name, to_millis(*time));
    }
    // Cleaned, because PostgreSQL and strict parsers refuse what a provider's bytes may hold.
    void text(std::string_view name, std::string_view value) {
        if (value.empty()) return;
        key(name);
        string(clean_utf8(value));
    }
    template <class Tag>
    void id(std::string_view name, const Uuid<Tag>& value) {
        key(name);
        string(value.to_string());
    }
    void aliases(std::string_view name, const std::vector<Alias>& aliases) {
        key(name);
        writer_.StartArray();
        for (const auto& alias : aliases) {
            writer_.StartObject();
            text("kind", alias.kind);
            text("value", alias.value);
            writer_.EndObject();
        }
        writer_.EndArray();
    }
    void window(std::string_view name, const BurstPolicy& window) {
        key(name);
        writer_.StartObject();
        number("quiet_ms", window.quiet.count());
        number("max_wait_ms", window.max_wait.count());
        number("max_count", static_cast<std::int64_t>(window.max_count));
        writer_.EndObject();
    }
    std::string take() {
        writer_.EndObject();
        return {buffer_.GetString(), buffer_.GetSize()};
    }

  private:
    void key(std::string_view name) {
        writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    }
    void string(std::string_view value) {
        writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    }

    rapidjson::StringBuffer buffer_;
    JsonWriter writer_;
};

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
    document.Parse(value.data(), value.size());
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
    Fields out;
    out.text("channel", record.channel);
    out.number("scope", record.scope.value);
    out.text("kind", inbound_kinds.at(static_cast<std::size_t>(inbound.kind)));
    out.text("account", inbound.account);
    out.text("event_id", inbound.event_id);
    out.aliases("aliases", inbound.aliases);
    out.text("name", inbound.name);
    out.text("type", inbound.type);
    out.text("text", inbound.text);
    out.text("in_reply_to", inbound.in_reply_to);
    out.number("sent_at_ms", inbound.sent_at);
    out.text("metadata", inbound.metadata);
    out.text("raw", inbound.raw);
    return out.take();
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
    Fields out;
    out.number("tenant", record.tenant.value);
    out.id("conversation", record.conversation);
    out.id("message", record.message);
    out.number("seq", record.seq);
    out.window("window", record.window);
    return out.take();
}

Result<MessageResolved> decode_message_resolved(std::string_view value) {
    return decode<MessageResolved>(value, topics::messages_resolved, [](const Object& in) -> MessageResolved {
        return {TenantId{in.number("tenant")}, in.id<ConversationId>("conversation"),
                in.id<MessageId>("message"), in.number("seq"), read_window(in.required("window"))};
    });
}

std::string encode(const TurnStep& record) {
    Fields out;
    out.number("tenant", record.tenant.value);
    out.id("conversation", record.conversation);
    out.id("turn", record.turn);
    out.number("step", record.step);
    return out.take();
}

Result<TurnStep> decode_turn_step(std::string_view value) {
    return decode<TurnStep>(value, "turn step", [](const Object& in) -> TurnStep {
        return {TenantId{in.number("tenant")}, in.id<ConversationId>("conversation"), in.id<TurnId>("turn"),
                static_cast<int>(in.number("step", 0, std::numeric_limits<int>::max()))};
    });
}

std::string encode(const ReplyReady& record) {
    Fields out;
    out.number("tenant", record.tenant.value);
    out.id("conversation", record.conversation);
    out.id("reply", record.reply);
    if (record.turn) out.id("turn", *record.turn);
    return out.take();
}

Result<ReplyReady> decode_reply_ready(std::string_view value) {
    return decode<ReplyReady>(value, topics::replies_ready, [](const Object& in) -> ReplyReady {
        return {TenantId{in.number("tenant")}, in.id<ConversationId>("conversation"), in.id<ReplyId>("reply"),
                in.has("turn") ? std::optional(in.id<TurnId>("turn")) : std::nullopt};
    });
}

std::string encode(const ReceiptReceived& record) {
    const auto& receipt = record.receipt;
    Fields out;
    out.text("channel", record.channel);
    out.number("scope", record.scope.value);
    out.text("account", receipt.account);
    out.text("provider_id", receipt.provider_id);
    out.text("reply", receipt.reply);
    out.text("status", receipt_statuses.at(static_cast<std::size_t>(receipt.status)));
    out.number("at_ms", receipt.at);
    out.text("code", receipt.code);
    out.text("text", receipt.text);
    return out.take();
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

std::string conversation_key(TenantId tenant, ConversationId conversation) {
    return tenant.to_string() + ":" + conversation.to_string();
}

}  // namespace relevo
