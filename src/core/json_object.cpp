#include "core/json_object.hpp"

#include <fmt/format.h>
#include <rapidjson/writer.h>

#include <cmath>

#include "core/utf8.hpp"

namespace relevo {
namespace {

// What RapidJSON writes to, without a buffer between.
struct Appender {
    using Ch = char;
    std::string& to;
    void Put(char c) { to += c; }
    void Flush() {}
};

void append_text(std::string& json, std::string_view text) {
    const std::string clean = clean_utf8(text);
    Appender stream{json};
    rapidjson::Writer<Appender>(stream).String(clean.data(), static_cast<rapidjson::SizeType>(clean.size()));
}

}  // namespace

void JsonObject::key(std::string_view name) {
    if (body_.size() > 1) body_ += ',';
    append_text(body_, name);
    body_ += ':';
}

JsonObject& JsonObject::text(std::string_view name, std::string_view value) {
    key(name);
    append_text(body_, value);
    return *this;
}

JsonObject& JsonObject::text_if_any(std::string_view name, std::string_view value) {
    return value.empty() ? *this : text(name, value);
}

JsonObject& JsonObject::number(std::string_view name, std::int64_t value) {
    return raw(name, std::to_string(value));
}

JsonObject& JsonObject::real(std::string_view name, double value) {
    return raw(name, std::isfinite(value) ? fmt::format("{}", value) : "0");
}

JsonObject& JsonObject::flag(std::string_view name, bool value) {
    return raw(name, value ? "true" : "false");
}

JsonObject& JsonObject::time(std::string_view name, std::optional<SysTime> value) {
    return value ? number(name, to_millis(*value)) : *this;
}

JsonObject& JsonObject::raw(std::string_view name, std::string_view json) {
    if (json.empty()) return *this;
    key(name);
    body_ += json;
    return *this;
}

std::string json_array(const std::vector<std::string>& values) {
    return fmt::format("[{}]", fmt::join(values, ","));
}

std::string json_texts(const std::vector<std::string>& texts) {
    std::vector<std::string> json;
    for (const auto& text : texts) json.push_back(json_text(text));
    return json_array(json);
}

std::string json_text(std::string_view text) {
    std::string json;
    append_text(json, text);
    return json;
}

}  // namespace relevo
