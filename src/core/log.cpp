#include "core/log.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "core/clock.hpp"
#include "core/utf8.hpp"

namespace relevo {
namespace {

spdlog::logger& logger() {
    static const auto instance = [] {
        auto made = std::make_shared<spdlog::logger>("relevo", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%v");
        made->flush_on(spdlog::level::info);
        return made;
    }();
    return *instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warn: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
        case LogLevel::off: return spdlog::level::off;
    }
    return spdlog::level::err;
}

std::string_view name(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return "debug";
        case LogLevel::info: return "info";
        case LogLevel::warn: return "warn";
        case LogLevel::error: return "error";
        case LogLevel::off: return "off";
    }
    return "error";
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_string(Writer& out, std::string_view text) {
    const auto clean = clean_utf8(text);
    out.String(clean.data(), static_cast<rapidjson::SizeType>(clean.size()));
}

struct WriteValue {
    Writer& out;
    void operator()(std::string_view value) const { write_string(out, value); }
    void operator()(std::int64_t value) const { out.Int64(value); }
    void operator()(double value) const { out.Double(value); }
    void operator()(bool value) const { out.Bool(value); }
};

}  // namespace

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    if (!logger().should_log(to_spdlog(level))) return;
    rapidjson::StringBuffer buffer;
    Writer out(buffer);
    out.StartObject();
    out.Key("time");
    write_string(out, to_iso8601(SystemClock().now()));
    out.Key("level");
    write_string(out, name(level));
    out.Key("event");
    write_string(out, event);
    for (const auto& field : fields) {
        out.Key(field.key.data(), static_cast<rapidjson::SizeType>(field.key.size()));
        std::visit(WriteValue{out}, field.value);
    }
    out.EndObject();
    logger().log(to_spdlog(level), "{}", std::string_view(buffer.GetString(), buffer.GetSize()));
}

void set_log_level(LogLevel level) {
    logger().set_level(to_spdlog(level));
}

}  // namespace relevo
