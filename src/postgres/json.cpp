#include "postgres/json.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "core/error.hpp"

namespace relevo {
namespace {

using rapidjson::Value;

const Value* value_of(const void* value) {
    return static_cast<const Value*>(value);
}

}  // namespace

bool is_json_object(std::string_view json) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
    return !document.HasParseError() && document.IsObject();
}

Json Json::parse(std::string json) {
    auto document = std::make_shared<rapidjson::Document>();
    document->Parse(json.data(), json.size());
    if (document->HasParseError()) {
        throw Failure({Fault::permanent, "postgres.rejected", "a result is not JSON"});
    }
    const Value* root = document.get();
    return {std::move(document), root};
}

bool Json::null() const {
    return !value_ || value_of(value_)->IsNull();
}

Json Json::operator[](std::string_view key) const {
    if (!value_ || !value_of(value_)->IsObject()) return {owner_, nullptr};
    const Value name(key.data(), static_cast<rapidjson::SizeType>(key.size()));
    const auto found = value_of(value_)->FindMember(name);
    return {owner_, found == value_of(value_)->MemberEnd() ? nullptr : &found->value};
}

std::vector<Json> Json::items() const {
    std::vector<Json> items;
    if (!value_ || !value_of(value_)->IsArray()) return items;
    for (const auto& item : value_of(value_)->GetArray()) items.push_back({owner_, &item});
    return items;
}

std::vector<std::string> Json::texts() const {
    std::vector<std::string> out;
    for (const auto& item : items()) out.push_back(item.text());
    return out;
}

std::vector<std::pair<std::string, Json>> Json::members() const {
    std::vector<std::pair<std::string, Json>> members;
    if (!value_ || !value_of(value_)->IsObject()) return members;
    for (const auto& member : value_of(value_)->GetObject()) {
        members.emplace_back(std::string(member.name.GetString(), member.name.GetStringLength()),
                             Json(owner_, &member.value));
    }
    return members;
}

std::string Json::text() const {
    if (!value_ || !value_of(value_)->IsString()) return {};
    return {value_of(value_)->GetString(), value_of(value_)->GetStringLength()};
}

std::int64_t Json::number() const {
    return value_ && value_of(value_)->IsInt64() ? value_of(value_)->GetInt64() : 0;
}

double Json::real(std::string_view key) const {
    const Json part = (*this)[key];
    return part.value_ && value_of(part.value_)->IsNumber() ? value_of(part.value_)->GetDouble() : 0;
}

bool Json::flag() const {
    return value_ && value_of(value_)->IsTrue();
}

std::string Json::source() const {
    if (!value_) return "null";
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value_of(value_)->Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace relevo
