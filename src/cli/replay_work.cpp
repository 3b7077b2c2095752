#include <fmt/format.h>

#include "cli/replay.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

std::string record_json(const Record& record, bool text) {
    JsonObject json;
    json.text("topic", record.topic).text("key", record.key).text("id", record.headers.id);
    if (text) json.text("value", record.value);
    return json.str();
}

}  // namespace

std::string show_work(const ReplayedWork& work, bool text) {
    std::string out;
    for (const auto& record : work.records) {
        out += fmt::format("{}  {}:{}  {}  {}\n", to_iso8601(record.appended), record.partition,
                           record.offset.value, record.key, record.id);
        if (text) out += "    " + record.value + "\n";
    }
    out += "  " + work.outcome;
    if (!work.reason.empty()) out += ": " + work.reason;
    if (work.due) out += ", until " + to_iso8601(*work.due);
    if (work.outcome == "failure")
        out += work.retried ? ", would be tried again" : ", would be a dead letter";
    out += "\n";
    if (!work.text.empty()) out += "    " + work.text + "\n";
    for (const auto& record : work.emitted) {
        out += fmt::format("    would emit {}  {}  {}\n", record.topic, record.key, record.headers.id);
        if (text) out += "      " + record.value + "\n";
    }
    for (const auto& effect : work.effects) {
        out += "    asked for " + effect.what + "\n";
        if (text) out += "      " + effect.detail + "\n";
    }
    return out;
}

std::string work_json(const ReplayedWork& work, bool text) {
    std::vector<std::string> records;
    for (const auto& record : work.records) {
        JsonObject item;
        item.number("partition", record.partition)
            .number("offset", record.offset.value)
            .time("appended_ms", record.appended)
            .text("key", record.key)
            .text("id", record.id);
        if (text) item.text("value", record.value);
        records.push_back(item.str());
    }
    std::vector<std::string> emitted;
    for (const auto& record : work.emitted) emitted.push_back(record_json(record, text));
    std::vector<std::string> effects;
    for (const auto& effect : work.effects) {
        JsonObject item;
        item.text("what", effect.what);
        if (text) item.raw("detail", effect.detail);
        effects.push_back(item.str());
    }
    JsonObject json;
    json.raw("records", json_array(records))
        .text("outcome", work.outcome)
        .text_if_any("reason", work.reason)
        .text_if_any("text", work.text)
        .time("due_ms", work.due);
    if (work.outcome == "failure") json.flag("tried_again", work.retried);
    return json.raw("emitted", json_array(emitted)).raw("effects", json_array(effects)).str();
}

}  // namespace relevo
