#include "gateway/path_event.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>

#include "core/trace.hpp"

namespace relevo {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void put(Writer& out, const char* name, std::string_view value) {
    out.Key(name);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

// The ids that a record carries; the first of the values that has one tells it.
void put_ids(Writer& out, const std::vector<std::string_view>& values) {
    static constexpr std::array names{"tenant", "conversation", "message", "turn", "reply"};
    std::vector<rapidjson::Document> documents(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) documents[i].Parse(values[i].data(), values[i].size());
    for (const char* name : names) {
        out.Key(name);
        bool told = false;
        for (const auto& document : documents) {
            if (told || !document.IsObject()) continue;
            const auto member = document.FindMember(name);
            if (member == document.MemberEnd() || member->value.IsObject()) continue;
            member->value.Accept(out);
            told = true;
        }
        if (!told) out.Null();
    }
}

struct Place {
    std::string_view stage, outcome, reason, topic;
    std::int32_t partition = -1;
    std::int64_t offset = -1;
};

std::string write(const Place& place, std::string_view traceparent,
                  const std::vector<std::string_view>& values, SysTime started, SysTime ended) {
    rapidjson::StringBuffer buffer;
    Writer out(buffer);
    out.StartObject();
    put(out, "trace", trace_id(traceparent));
    put_ids(out, values);
    put(out, "stage", place.stage);
    put(out, "outcome", place.outcome);
    out.Key("reason");
    if (place.reason.empty()) {
        out.Null();
    } else {
        out.String(place.reason.data(), static_cast<rapidjson::SizeType>(place.reason.size()));
    }
    put(out, "topic", place.topic);
    out.Key("partition");
    out.Int(place.partition);
    out.Key("offset");
    out.Int64(place.offset);
    put(out, "started_at", to_iso8601(started));
    out.Key("ms");
    out.Int64((ended - started).count());
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
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

}  // namespace relevo
