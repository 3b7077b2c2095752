#include "runtime/dead_letter.hpp"

#include "core/json_object.hpp"

namespace relevo {
namespace {

std::string headers_json(const HeaderViews& headers) {
    return JsonObject()
        .text_if_any("ce_id", headers.id)
        .text_if_any("ce_type", headers.type)
        .text_if_any("ce_source", headers.source)
        .text_if_any("ce_subject", headers.subject)
        .text_if_any("traceparent", headers.traceparent)
        .text_if_any("installation", headers.installation)
        .text_if_any("ce_time", headers.time ? to_iso8601(*headers.time) : "")
        .text_if_any("expires", headers.expires ? to_iso8601(*headers.expires) : "")
        .str();
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
