#include "domain/timer_codec.hpp"

#include <rapidjson/document.h>

#include "core/json_object.hpp"

namespace relevo {
namespace {

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
    const std::string headers = JsonObject()
                                    .text("id", record.headers.id)
                                    .text("type", record.headers.type)
                                    .text("source", record.headers.source)
                                    .text("subject", record.headers.subject)
                                    .text("traceparent", record.headers.traceparent)
                                    .text("installation", record.headers.installation)
                                    .time("time", record.headers.time)
                                    .time("expires", record.headers.expires)
                                    .str();
    return JsonObject()
        .text("topic", record.topic)
        .text("key", record.key)
        .text("value", record.value)
        .raw("headers", headers)
        .str();
}

Record decode_timer(std::string_view value) {
    rapidjson::Document json;
    json.Parse<rapidjson::kParseIterativeFlag>(value.data(), value.size());
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
