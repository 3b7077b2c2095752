#include "channels/json.hpp"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <charconv>

#include "core/utf8.hpp"

namespace relevo {
namespace {

// Real webhooks nest some fifteen levels. Below this, RapidJSON's and PostgreSQL's recursion is no danger.
constexpr std::size_t max_depth = 64;

const rapidjson::Value* as_value(const void* value) {
    return static_cast<const rapidjson::Value*>(value);
}

std::size_t deepest(std::string_view json) {
    std::size_t depth = 0;
    std::size_t most = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            most = std::max(most, ++depth);
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return most;
}

Error bad_json(rapidjson::ParseErrorCode code, std::size_t offset) {
    return {Fault::permanent, "webhook.bad_json",
            "the body is not JSON: " + std::string(rapidjson::GetParseError_En(code)) + " (byte " +
                std::to_string(offset) + ")"};
}

}  // namespace

JsonNode JsonNode::operator[](std::string_view key) const {
    if (!is_object()) return {};
    const rapidjson::Value name(rapidjson::StringRef(key.data(), key.size()));
    const auto member = as_value(value_)->FindMember(name);
    return member == as_value(value_)->MemberEnd() ? JsonNode() : JsonNode(&member->value);
}

std::vector<JsonNode> JsonNode::items() const {
    std::vector<JsonNode> items;
    if (!is_array()) return items;
    items.reserve(as_value(value_)->Size());
    for (const auto& item : as_value(value_)->GetArray()) items.push_back(JsonNode(&item));
    return items;
}

JsonNode JsonNode::item(std::size_t index) const {
    if (!is_array() || index >= as_value(value_)->Size()) return {};
    return JsonNode(&(*as_value(value_))[static_cast<rapidjson::SizeType>(index)]);
}

bool JsonNode::has_value() const {
    return value_ != nullptr && !as_value(value_)->IsNull();
}

bool JsonNode::is_object() const {
    return value_ != nullptr && as_value(value_)->IsObject();
}

bool JsonNode::is_array() const {
    return value_ != nullptr && as_value(value_)->IsArray();
}

bool JsonNode::is_true() const {
    return value_ != nullptr && as_value(value_)->IsTrue();
}

std::string JsonNode::text() const {
    if (value_ == nullptr) return {};
    const auto* value = as_value(value_);
    if (value->IsString()) return {value->GetString(), value->GetStringLength()};
    return value->IsNumber() ? dump() : std::string();
}

std::optional<std::int64_t> JsonNode::whole() const {
    const std::string digits = text();
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

std::string JsonNode::dump() const {
    if (value_ == nullptr) return {};
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    as_value(value_)->Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

struct JsonDocument::Tree {
    rapidjson::Document json;
};

JsonDocument::JsonDocument(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

Result<JsonDocument> JsonDocument::parse(std::string_view bytes) {
    const std::string clean = clean_json_escapes(clean_utf8(bytes));
    auto tree = std::make_unique<Tree>();
    if (deepest(clean) > max_depth) {
        rapidjson::Reader reader;
        rapidjson::BaseReaderHandler<> ignore;
        rapidjson::MemoryStream stream(clean.data(), clean.size());
        const auto checked =
            reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag>(stream,
                                                                                                 ignore);
        if (checked.IsError()) return bad_json(checked.Code(), checked.Offset());
        tree->json.SetString(clean.data(), static_cast<rapidjson::SizeType>(clean.size()),
                             tree->json.GetAllocator());
        return JsonDocument(std::move(tree));
    }
    // RapidJSON's full precision counts the leading zeros of 0 where it reads 0e9, which is undefined. Without it,
    // numbers of up to 15 digits are exact all the same.
    tree->json.Parse<rapidjson::kParseIterativeFlag>(clean.data(), clean.size());
    if (tree->json.HasParseError()) return bad_json(tree->json.GetParseError(), tree->json.GetErrorOffset());
    return JsonDocument(std::move(tree));
}

JsonNode JsonDocument::root() const {
    return JsonNode(static_cast<const rapidjson::Value*>(&tree_->json));
}

}  // namespace relevo
