#include "gateway/path_event.hpp"

#include <rapidjson/document.h>

#include <array>

#include "core/json_object.hpp"
#include "core/trace.hpp"

namespace relevo {
namespace {

// The member as JSON; "" where it is no id.
std::string id_json(const rapidjson::Document& document, const char* name) {
    if (!document.IsObject() || !document.HasMember(name)) return {};
    const auto& id = document[name];
    if (id.IsInt64()) return std::to_string(id.GetInt64());
    return id.IsString() ? json_text({id.GetString(), id.GetStringLength()}) : std::string();
}

// The ids that a record carries; the first of the values that has one tells it.
void add_ids(JsonObject& event, const std::vector<std::string_view>& values) {
    static constexpr std::array names{"tenant", "conversation", "message", "turn", "reply"};
    std::vector<rapidjson::Document> documents(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) documents[i].Parse<rapidjson::kParseIterativeFlag>(values[i].data(), values[i].size());
    for (const char* name : names) {
        std::string id;
        for (const auto& document : documents) {
            if (id.empty()) id = id_json(document, name);
        }
        event.raw(name, id.empty() ? "null" : id);
    }
}

struct Place {
    std::string_view stage, outcome, reason, topic;
    std::int32_t partition = -1;
    std::int64_t offset = -1;
};

std::string write(const Place& place, std::string_view traceparent,
                  const std::vector<std::string_view>& values, SysTime started, SysTime ended) {
    JsonObject event;
    event.text("trace", trace_id(traceparent));
    add_ids(event, values);
    return event.text("stage", place.stage)
        .text("outcome", place.outcome)
        .raw("reason", place.reason.empty() ? "null" : json_text(place.reason))
        .text("topic", place.topic)
        .number("partition", place.partition)
        .number("offset", place.offset)
        .text("started_at", to_iso8601(started))
        .number("ms", (ended - started).count())
        .str();
}

}  // namespace

std::string path_event(const Settlement& settlement) {
    const Envelope& record = settlement.records.front();
    std::vector<std::string_view> values;
    // messages.received names no tenant; the record that followed does.
    for (const auto& emitted : settlement.emitted) values.push_back(emitted.value);
    values.push_back(record.value);
    const bool burst = settlement.stage.lane == Lanes::Policy::burst;
    return write({settlement.stage.name, settlement.outcome, settlement.reason, record.topic,
                  record.partition, record.offset.value},
                 record.headers.traceparent, values, burst ? record.appended : settlement.started,
                 settlement.ended);
}

std::string ingress_event(const Record& record, SysTime started, SysTime ended) {
    return write({"ingress", "emit", {}, record.topic, -1, -1}, record.headers.traceparent, {}, started,
                 ended);
}

void PathPublisher::ingested(const std::vector<Record>& records, SysTime started) {
    for (const auto& record : records) {
        live_.publish(path_channel, ingress_event(record, started, clock_.now()));
    }
}

void PathPublisher::settled(const Settlement& settlement) {
    live_.publish(path_channel, path_event(settlement));
}

}  // namespace relevo
