#include "api/shape.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "core/utf8.hpp"
#include "domain/secret.hpp"

namespace relevo {
namespace {

using rapidjson::Value;

// The validator walks a value by recursion.
constexpr std::size_t max_depth = 32;

// RapidJSON's validator knows draft 4. These mean the same there and in 2020-12, which OpenAPI 3.1 takes.
constexpr std::array<std::string_view, 20> asserting{
    "type",          "enum",          "properties", "required",    "additionalProperties",
    "items",         "minItems",      "maxItems",   "uniqueItems", "minLength",
    "maxLength",     "pattern",       "minimum",    "maximum",     "multipleOf",
    "minProperties", "maxProperties", "anyOf",      "oneOf",       "allOf"};
constexpr std::array<std::string_view, 10> describing{"title",    "description", "default",   "example",
                                                      "examples", "readOnly",    "writeOnly", "deprecated",
                                                      "format",   "x-form"};

std::string_view view(const Value& text) {
    return {text.GetString(), text.GetStringLength()};
}

const Value* member(const Value& object, std::string_view name) {
    if (!object.IsObject()) return nullptr;
    const Value key(rapidjson::StringRef(name.data(), name.size()));
    const auto found = object.FindMember(key);
    return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string source(const Value& value) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

bool too_deep(std::string_view json) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > max_depth) return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return false;
}

// 2.0 is an integer, as JSON Schema has it; to RapidJSON it is none.
void write_whole(Value& value) {
    constexpr double exact = 9'007'199'254'740'992;
    if (value.IsDouble() && std::abs(value.GetDouble()) <= exact &&
        std::trunc(value.GetDouble()) == value.GetDouble())
        value.SetInt64(static_cast<std::int64_t>(value.GetDouble()));
    if (value.IsArray()) std::ranges::for_each(value.GetArray(), write_whole);
    if (value.IsObject()) {
        for (auto& it : value.GetObject()) write_whole(it.value);
    }
}

bool has_twins(const Value& value) {
    if (value.IsArray()) return std::ranges::any_of(value.GetArray(), has_twins);
    if (!value.IsObject()) return false;
    std::set<std::string_view> names;
    return std::ranges::any_of(value.GetObject(), [&](const auto& it) {
        return !names.insert(view(it.name)).second || has_twins(it.value);
    });
}

[[noreturn]] void refuse(const std::string& place, const std::string& why) {
    throw Failure({Fault::permanent, "api.bad_document", place + ": " + why});
}

// What the validator would pass over: a keyword that it does not know, a pattern that it cannot read.
void check_schema_words(const Value& schema, const std::string& place) {
    if (!schema.IsObject()) refuse(place, "a schema is an object");
    for (const auto& [name, value] : schema.GetObject()) {
        const std::string_view word = view(name);
        const bool known = std::ranges::count(asserting, word) + std::ranges::count(describing, word) > 0;
        if (!known) refuse(place, fmt::format("the validator does not know '{}'", word));
    }
    if (const auto* format = member(schema, "format")) {
        if (!member(schema, "pattern") && *format != "password")
            refuse(place, "a format without a pattern is not checked by anybody");
    }
    if (const auto* pattern = member(schema, "pattern")) {
        if (!pattern->IsString()) refuse(place, "a pattern is a text");
        const rapidjson::internal::Regex regex(pattern->GetString());
        if (!regex.IsValid()) refuse(place, "the validator cannot read the pattern");
        const auto* form = member(schema, "x-form");
        if (!form || !form->IsString() || form->GetStringLength() == 0)
            refuse(place, "x-form is missing: the pattern in words, for whoever sent something else");
    }
    if (const auto* properties = member(schema, "properties")) {
        if (!properties->IsObject()) refuse(place, "properties are an object");
        for (const auto& [name, value] : properties->GetObject())
            check_schema_words(value, fmt::format("{}/properties/{}", place, view(name)));
    }
    if (const auto* required = member(schema, "required"); required && !required->IsArray())
        refuse(place, "required is a list");
    if (const auto* items = member(schema, "items")) check_schema_words(*items, place + "/items");
    if (const auto* rest = member(schema, "additionalProperties")) {
        if (!rest->IsBool()) check_schema_words(*rest, place + "/additionalProperties");
    }
    for (const auto* word : {"anyOf", "oneOf", "allOf"}) {
        const auto* choices = member(schema, word);
        if (choices && !choices->IsArray()) refuse(place, fmt::format("{} is a list", word));
        for (rapidjson::SizeType i = 0; choices && i < choices->Size(); ++i)
            check_schema_words((*choices)[i], fmt::format("{}/{}/{}", place, word, i));
    }
}

std::vector<std::string> missing(const Value& required, const Value* sent) {
    std::vector<std::string> names;
    for (const auto& name : required.GetArray()) {
        if (!sent || !member(*sent, view(name))) names.emplace_back(view(name));
    }
    return names;
}

// In words, from what the schema states there.
std::string wish(std::string_view word, const Value& schema, const Value* sent) {
    const auto* stated = member(schema, word);
    if (word == "additionalProperties") {
        std::vector<std::string_view> names;
        if (const auto* properties = member(schema, "properties")) {
            for (const auto& it : properties->GetObject()) names.push_back(view(it.name));
        }
        return fmt::format("there is no such member; known: {}", fmt::join(names, ", "));
    }
    if (!stated) return "does not fit";
    const std::string value = source(*stated);
    if (word == "required") return fmt::format("missing: {}", fmt::join(missing(*stated, sent), ", "));
    if (word == "type") return fmt::format("must be of type {}", value);
    if (word == "enum") return fmt::format("must be one of {}", value);
    if (word == "pattern") return fmt::format("must be {}", view(*member(schema, "x-form")));
    if (word == "minLength") return fmt::format("must have at least {} characters", value);
    if (word == "maxLength") return fmt::format("may have at most {} characters", value);
    if (word == "minimum") return fmt::format("must be at least {}", value);
    if (word == "maximum") return fmt::format("may be at most {}", value);
    if (word == "multipleOf") return fmt::format("must be a multiple of {}", value);
    if (word == "minItems") return fmt::format("must have at least {} items", value);
    if (word == "maxItems") return fmt::format("may have at most {} items", value);
    if (word == "uniqueItems") return "is in the list twice";
    if (word == "minProperties") return fmt::format("must have at least {} members", value);
    if (word == "maxProperties") return fmt::format("may have at most {} members", value);
    if (word == "oneOf") return fmt::format("must fit exactly one of {}", value);
    return fmt::format("must fit {} {}", word, value);
}

Error bad_json(const std::string& why) {
    return {Fault::permanent, "api.bad_json", "the body " + why + "; send one JSON value in UTF-8"};
}

}  // namespace

// Texts stay where they were sent, in `source`: one of them may be a secret.
struct SentJson::Tree {
    explicit Tree(std::string_view json) : source(json) {}
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;
    ~Tree() { wipe(source); }

    const Value* member_of(const void* part, std::string_view name) const {
        return member(part ? *static_cast<const Value*>(part) : document, name);
    }

    std::string source;
    rapidjson::Document document;
};

Result<SentJson> SentJson::parse(std::string_view json) {
    if (too_deep(json)) return bad_json(fmt::format("nests deeper than {}", max_depth));
    // RapidJSON ends at a NUL
    if (json.find('\0') != json.npos) return bad_json("holds a NUL");
    auto tree = std::make_shared<Tree>(json);
    constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
    tree->document.ParseInsitu<parse_flags>(tree->source.data());
    if (tree->document.HasParseError()) {
        return bad_json(fmt::format("is not JSON: {} (byte {})",
                                    rapidjson::GetParseError_En(tree->document.GetParseError()),
                                    tree->document.GetErrorOffset()));
    }
    if (has_twins(tree->document)) return bad_json("has two members of one name");
    write_whole(tree->document);
    SentJson sent;
    sent.tree_ = std::move(tree);
    return sent;
}

std::string SentJson::source() const {
    if (!tree_) return "{}";
    const Value& value = part_ ? *static_cast<const Value*>(part_) : tree_->document;
    return clean_json_escapes(relevo::source(value));
}

bool SentJson::has(std::string_view name) const {
    return tree_ && tree_->member_of(part_, name);
}

std::optional<std::string> SentJson::text_if_any(std::string_view name) const {
    const auto* value = tree_ ? tree_->member_of(part_, name) : nullptr;
    if (!value || !value->IsString()) return std::nullopt;
    return std::string(view(*value));
}

std::string SentJson::text(std::string_view name) const {
    return text_if_any(name).value_or(std::string());
}

std::optional<bool> SentJson::flag_if_any(std::string_view name) const {
    const auto* value = tree_ ? tree_->member_of(part_, name) : nullptr;
    if (!value || !value->IsBool()) return std::nullopt;
    return value->GetBool();
}

std::optional<std::vector<std::string>> SentJson::texts_if_any(std::string_view name) const {
    const auto* value = tree_ ? tree_->member_of(part_, name) : nullptr;
    if (!value || !value->IsArray()) return std::nullopt;
    std::vector<std::string> texts;
    for (const auto& item : value->GetArray()) {
        if (item.IsString()) texts.emplace_back(view(item));
    }
    return texts;
}

std::vector<std::string> SentJson::texts(std::string_view name) const {
    return texts_if_any(name).value_or(std::vector<std::string>());
}

std::optional<std::int64_t> SentJson::whole_if_any(std::string_view name) const {
    const auto* value = tree_ ? tree_->member_of(part_, name) : nullptr;
    if (!value || !value->IsInt64()) return std::nullopt;
    return value->GetInt64();
}

std::optional<double> SentJson::real_if_any(std::string_view name) const {
    const auto* value = tree_ ? tree_->member_of(part_, name) : nullptr;
    if (!value || !value->IsNumber()) return std::nullopt;
    return value->GetDouble();
}

bool SentJson::null(std::string_view name) const {
    const auto* value = tree_ ? tree_->member_of(part_, name) : nullptr;
    return value && value->IsNull();
}

SentJson SentJson::part(std::string_view name) const {
    SentJson part;
    const auto* value = tree_ ? tree_->member_of(part_, name) : nullptr;
    if (!value) return part;
    part.tree_ = tree_;
    part.part_ = value;
    return part;
}

std::vector<SentJson> SentJson::parts(std::string_view name) const {
    std::vector<SentJson> parts;
    const auto* value = tree_ ? tree_->member_of(part_, name) : nullptr;
    if (!value || !value->IsArray()) return parts;
    for (const auto& item : value->GetArray()) {
        SentJson part;
        part.tree_ = tree_;
        part.part_ = &item;
        parts.push_back(std::move(part));
    }
    return parts;
}

struct Shape::Compiled {
    explicit Compiled(const std::string& schema) {
        source.Parse<rapidjson::kParseIterativeFlag>(schema.data(), schema.size());
    }
    rapidjson::Document source;
    std::optional<rapidjson::SchemaDocument> schema;
};

Shape::Shape(const std::string& schema, const std::string& place) {
    auto compiled = std::make_shared<Compiled>(schema);
    if (compiled->source.HasParseError()) refuse(place, "a schema is JSON");
    check_schema_words(compiled->source, place);
    compiled->schema.emplace(compiled->source);
    compiled_ = std::move(compiled);
}

std::optional<Flaw> Shape::judge(const SentJson& sent) const {
    static const Value nothing;
    const Value& value = sent.part_   ? *static_cast<const Value*>(sent.part_)
                         : sent.tree_ ? static_cast<const Value&>(sent.tree_->document)
                                      : nothing;
    rapidjson::SchemaValidator validator(*compiled_->schema);
    if (value.Accept(validator)) return std::nullopt;
    const auto& where = validator.GetInvalidDocumentPointer();
    const auto* schema = validator.GetInvalidSchemaPointer().Get(compiled_->source);
    rapidjson::StringBuffer pointer;
    where.StringifyUriFragment(pointer);
    Flaw flaw;
    flaw.pointer = clean_utf8({pointer.GetString(), pointer.GetSize()});
    const char* word = validator.GetInvalidSchemaKeyword();
    flaw.text = schema && word ? wish(word, *schema, where.Get(value)) : "does not fit";
    return flaw;
}

}  // namespace relevo
