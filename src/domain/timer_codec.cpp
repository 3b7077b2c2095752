#include "domain/timer_codec.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "core/utf8.hpp"

namespace relevo {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void add(Writer& json, std::string_view key, std::string_view value) {
    json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
    const std::string clean = clean_utf8(value);
    json.String(clean.data(), static_cast<rapidjson::SizeType>(clean.size()));
}

void add(Writer& json, std::string_view key, const std::optional<SysTime>& time) {
    if (!time) return;
    json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
    json.Int64(to_millis(*time));
}

[[noreturn]] void malformed(std::string_view field) {
    throw Failure({Fault::permanent, "record.malformed", "timers: " + std::string(field)});
}

std::string text(const rapidjson::Value& object, const char* key) {
    const auto found = object.FindMember(key);
    if (found == object.MemberEnd() || !found->value.IsString()) malformed(key);
    return {found->value.GetString(), found->value.GetStringLength()};
}

std::optional<SysTime> time(const rapidjson::Value& object, const char* key) {
    const auto found = object.FindMember(key);
    if (found == object.MemberEnd() || found->value.IsNull()) return std::nullopt;
    if (!found->value.IsInt64()) malformed(key);
    return from_millis(found->value.GetInt64());
}

}  // namespace

std::string encode_timer(const Record& record) {
    rapidjson::StringBuffer buffer;
    Writer json(buffer);
    json.StartObject();
    add(json, "topic", record.topic);
    add(json, "key", record.key);
    add(json, "value", record.value);
    json.Key("headers");
    json.StartObject();
    add(json, "id", record.headers.id);
    add(json, "type", record.headers.type);
    add(json, "source", record.headers.source);
    add(json, "subject", record.headers.subject);
    add(json, "traceparent", record.headers.traceparent);
    add(json, "installation", record.headers.installation);
    add(json, "time", record.headers.time);
    add(json, "expires", record.headers.expires);
    json.EndObject();
    json.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

Record decode_timer(std::string_view value) {
    rapidjson::Document json;
    json.Parse(value.data(), value.size());
    if (json.HasParseError() || !json.IsObject()) malformed("not a JSON object");
    Record record{text(json, "topic"), text(json, "key"), text(json, "value"), {}};
    const auto headers = json.FindMember("headers");
    if (headers == json.MemberEnd() || !headers->value.IsObject()) malformed("headers");
    record.headers = {text(headers->value, "id"),          text(headers->value, "type"),
                      text(headers->value, "source"),      text(headers->value, "subject"),
                      text(headers->value, "traceparent"), text(headers->value, "installation"),
                      time(headers->value, "time"),        time(headers->value, "expires")};
    return record;
}

}  // namespace relevo
