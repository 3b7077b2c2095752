#include "gateway/web_messages.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "core/utf8.hpp"

namespace relevo {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::size_t max_text = 4'096;
constexpr std::size_t max_client_id = 64;
constexpr std::size_t visitor_length = 32;  // 128 random bits in hex

std::string text_of(const rapidjson::Value& object, const char* name) {
    if (!object.IsObject()) return {};
    const auto member = object.FindMember(name);
    if (member == object.MemberEnd() || !member->value.IsString()) return {};
    return clean_utf8({member->value.GetString(), member->value.GetStringLength()});
}

std::int64_t number_of(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    return member != object.MemberEnd() && member->value.IsInt64() ? member->value.GetInt64() : 0;
}

rapidjson::Document parse(std::string_view json) {
    rapidjson::Document document;
    document.Parse(clean_json_escapes(json).c_str());
    return document;
}

void put(Writer& out, const char* name, std::string_view value) {
    out.Key(name);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

template <class Fill>
std::string object(const Fill& fill) {
    rapidjson::StringBuffer buffer;
    Writer out(buffer);
    out.StartObject();
    fill(out);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

void put_message(Writer& out, const WebMessage& message) {
    put(out, "id", message.id);
    out.Key("seq");
    out.Int64(message.seq);
    put(out, "direction", message.inbound ? "in" : "out");
    put(out, "text", message.text);
    put(out, "at", to_iso8601(message.at));
    if (!message.client_id.empty()) put(out, "client_id", message.client_id);
    if (!message.turn.empty()) {
        put(out, "turn", message.turn);
        out.Key("index");
        out.Int(message.index);
    }
}

}  // namespace

Result<WebAuth> parse_web_auth(std::string_view json) {
    const auto document = parse(json);
    WebAuth auth{text_of(document, "key"), text_of(document, "visitor")};
    if (auth.key.empty()) {
        return Error{Fault::permanent, "web.bad_auth", "falta la clave de la tienda (auth {key})"};
    }
    const bool ours = auth.visitor.size() == visitor_length &&
                      auth.visitor.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!ours) auth.visitor.clear();
    return auth;
}

Result<WebInput> parse_web_input(std::string_view args) {
    const auto document = parse(args);
    const auto bad = [](const char* text) { return Error{Fault::permanent, "web.bad_message", text}; };
    if (!document.IsArray() || document.Empty() || !document[0].IsObject()) {
        return bad("send {client_id, text}");
    }
    WebInput input{text_of(document[0], "client_id"), text_of(document[0], "text")};
    if (input.client_id.empty() || input.client_id.size() > max_client_id) {
        return bad("client_id must have 1 to 64 characters, another one for each message");
    }
    if (input.text.find_first_not_of(" \t\r\n") == std::string::npos) return bad("el mensaje está vacío");
    if (count_code_points(input.text) > max_text)
        return bad("el mensaje tiene más de 4096 caracteres: acortalo");
    return input;
}

std::optional<WebDraft> parse_live(std::string_view payload) {
    const auto document = parse(payload);
    if (!document.IsObject()) return std::nullopt;
    return WebDraft{text_of(document, "event"), text_of(document, "turn"),
                    static_cast<int>(number_of(document, "index")), text_of(document, "text"),
                    number_of(document, "epoch")};
}

std::string web_session(const std::string& visitor) {
    return object([&](Writer& out) { put(out, "visitor", visitor); });
}

std::string web_history(const std::vector<WebMessage>& messages) {
    return object([&](Writer& out) {
        out.Key("messages");
        out.StartArray();
        for (const auto& message : messages) {
            out.StartObject();
            put_message(out, message);
            out.EndObject();
        }
        out.EndArray();
    });
}

std::string web_message(const WebMessage& message) {
    return object([&](Writer& out) { put_message(out, message); });
}

std::string web_delta(const WebDraft& draft) {
    return object([&](Writer& out) {
        put(out, "turn", draft.turn);
        out.Key("index");
        out.Int(draft.index);
        put(out, "text", draft.text);
    });
}

std::string web_withdrawn(const std::string& turn) {
    return object([&](Writer& out) { put(out, "turn", turn); });
}

std::string web_accepted(const std::string& message) {
    return object([&](Writer& out) {
        out.Key("ok");
        out.Bool(true);
        put(out, "id", message);
    });
}

std::string web_refused(const Error& error) {
    return object([&](Writer& out) {
        out.Key("ok");
        out.Bool(false);
        put(out, "code", error.code);
        put(out, "text", error.text);
    });
}

}  // namespace relevo
