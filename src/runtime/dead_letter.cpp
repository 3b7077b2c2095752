#include "runtime/dead_letter.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "core/utf8.hpp"

namespace relevo {
namespace {

std::string headers_json(const HeaderViews& headers) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
    const auto field = [&](const char* name, std::string_view value) {
        if (value.empty()) return;
        const std::string clean = clean_utf8(value);
        out.Key(name);
        out.String(clean.data(), static_cast<rapidjson::SizeType>(clean.size()));
    };
    out.StartObject();
    field("ce_id", headers.id);
    field("ce_type", headers.type);
    field("ce_source", headers.source);
    field("ce_subject", headers.subject);
    field("traceparent", headers.traceparent);
    field("installation", headers.installation);
    if (headers.time) field("ce_time", to_iso8601(*headers.time));
    if (headers.expires) field("expires", to_iso8601(*headers.expires));
    out.EndObject();
    return buffer.GetString();
}

}  // namespace

DeadLetter make_dead_letter(const Envelope& record, const std::string& stage, const Error& error,
                            int attempts) {
    DeadLetter letter;
    letter.topic = record.topic;
    letter.partition = record.partition;
    letter.offset = record.offset;
    letter.key = record.key;
    letter.value = record.value;
    letter.headers = headers_json(record.headers);
    letter.stage = stage;
    letter.code = error.code;
    letter.text = error.text;
    letter.attempts = attempts;
    return letter;
}

}  // namespace relevo
