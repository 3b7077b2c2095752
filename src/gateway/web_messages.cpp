#include "gateway/web_messages.hpp"

#include <rapidjson/document.h>

#include <algorithm>

#include "core/blanks.hpp"
#include "core/json_object.hpp"
#include "core/utf8.hpp"

namespace relevo {
namespace {

constexpr std::size_t max_text = 4'096;
constexpr std::size_t max_client_id = 64;
constexpr std::size_t max_metadata = 4'096;  // bytes: it is stored and published with each message
constexpr std::size_t visitor_length = 32;   // 128 random bits in hex

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

std::string page_metadata(const rapidjson::Value& object) {
    const auto member = object.FindMember("metadata");
    if (member == object.MemberEnd() || !member->value.IsObject()) return {};
    JsonObject flat;
    for (const auto& entry : member->value.GetObject()) {
        const std::string_view name(entry.name.GetString(), entry.name.GetStringLength());
        const auto& value = entry.value;
        if (value.IsString()) {
            flat.text(name, {value.GetString(), value.GetStringLength()});
        } else if (value.IsInt64()) {
            flat.number(name, value.GetInt64());
        } else if (value.IsNumber()) {
            flat.real(name, value.GetDouble());
        } else if (value.IsBool()) {
            flat.flag(name, value.GetBool());
        }
    }
    return JsonObject().raw("page", flat.str_if_any()).str_if_any();
}

rapidjson::Document parse(std::string_view json) {
    rapidjson::Document document;
    // A visitor chooses how deep it nests.
    document.Parse<rapidjson::kParseIterativeFlag>(clean_json_escapes(json).c_str());
    return document;
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
    WebInput input{text_of(document[0], "client_id"), text_of(document[0], "text"),
                   page_metadata(document[0])};
    if (input.client_id.empty() || input.client_id.size() > max_client_id) {
        return bad("client_id must have 1 to 64 characters, another one for each message");
    }
    if (trimmed(input.text).empty()) return bad("el mensaje está vacío");
    if (count_code_points(input.text) > max_text)
        return bad("el mensaje tiene más de 4096 caracteres: acortalo");
    if (input.metadata.size() > max_metadata) return bad("metadata must have at most 4096 bytes");
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
    return JsonObject().text("visitor", visitor).str();
}

std::string web_standing(bool human) {
    return JsonObject().text("standing", human ? "human" : "agent").str();
}

std::string web_history(const std::vector<WebMessage>& messages) {
    std::vector<std::string> items;
    for (const auto& message : messages) items.push_back(web_message(message));
    return JsonObject().raw("messages", json_array(items)).str();
}

std::string web_message(const WebMessage& message) {
    JsonObject object;
    object.text("id", message.id)
        .number("seq", message.seq)
        .text("direction", message.inbound ? "in" : "out")
        .text("text", message.text)
        .text("at", to_iso8601(message.at))
        .text_if_any("client_id", message.client_id);
    if (!message.turn.empty()) object.text("turn", message.turn).number("index", message.index);
    return object.str();
}

std::string web_delta(const WebDraft& draft) {
    return JsonObject().text("turn", draft.turn).number("index", draft.index).text("text", draft.text).str();
}

std::string web_withdrawn(const std::string& turn) {
    return JsonObject().text("turn", turn).str();
}

std::string web_accepted(const std::string& message) {
    return JsonObject().flag("ok", true).text("id", message).str();
}

std::string web_refused(const Error& error) {
    return JsonObject().flag("ok", false).text("code", error.code).text("text", error.text).str();
}

}  // namespace relevo
