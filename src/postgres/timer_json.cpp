#include "postgres/timer_json.hpp"

#include "domain/timer_codec.hpp"

namespace relevo {

JsonObject timer_json(const Timer& timer) {
    const Record& record = timer.record;
    const Headers& headers = record.headers;
    const std::string carried = JsonObject()
                                    .text("id", headers.id)
                                    .text("type", headers.type)
                                    .text("source", headers.source)
                                    .text("subject", headers.subject)
                                    .text("traceparent", headers.traceparent)
                                    .text("installation", headers.installation)
                                    .time("time", headers.time)
                                    .time("expires", headers.expires)
                                    .str();
    JsonObject json;
    json.id("id", timer_id(record.topic, record.key, headers.id))
        .time("due", timer.due)
        .text("topic", record.topic)
        .text("key", record.key)
        .text("value", record.value)
        .raw("headers", carried);
    return json;
}

}  // namespace relevo
