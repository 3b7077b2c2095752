#include "api/document.hpp"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>

#include "api/yaml_json.hpp"

namespace relevo {
namespace {

using rapidjson::Value;

// Enough for every resource that is not text to be learned; an operation may state x-max-bytes.
constexpr std::size_t usual_body_bytes = 64 << 10;
constexpr int max_references = 16;  // one inside the other: more is a circle

struct Scheme {
    std::string_view name;
    Principal::Kind serves;
};
constexpr std::array schemes{
    Scheme{"session", Principal::Kind::user}, Scheme{"identity_token", Principal::Kind::user},
    Scheme{"api_key", Principal::Kind::api_key}, Scheme{"operator", Principal::Kind::installation},
    Scheme{"internal_secret", Principal::Kind::service}};
constexpr std::array<std::string_view, 5> methods{"get", "post", "put", "patch", "delete"};

std::string_view view(const Value& text) {
    return text.IsString() ? std::string_view(text.GetString(), text.GetStringLength()) : std::string_view();
}

const Value* member(const Value& object, std::string_view name) {
    if (!object.IsObject()) return nullptr;
    const Value key(rapidjson::StringRef(name.data(), name.size()));
    const auto found = object.FindMember(key);
    return found == object.MemberEnd() ? nullptr : &found->value;
}

/// Reads one document; throws with the place of what is wrong.
class Reader {
  public:
    Reader(const std::string& name, const std::string& json) : name_(name) {
        root_.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
        if (root_.HasParseError() || !root_.IsObject()) refuse("", "no OpenAPI document");
    }

    std::vector<ApiOperation> operations() {
        const auto version = view(need(root_, "openapi", ""));
        if (!version.starts_with("3.1.")) refuse("/openapi", "expected OpenAPI 3.1");
        std::vector<ApiOperation> all;
        std::set<std::string> ids;
        for (const auto& [path, item] : members(need(root_, "paths", ""), "/paths")) {
            for (const auto& [method, value] : members(item, "/paths")) {
                const std::string place = fmt::format("/paths/{}/{}", view(path), view(method));
                if (!std::ranges::count(methods, view(method))) refuse(place, "no method that is served");
                all.push_back(operation(std::string(view(path)), std::string(view(method)), value, place));
                if (!ids.insert(all.back().id).second) refuse(place, "its operationId is another's");
            }
        }
        return all;
    }

    Rate rate(std::string_view name) const {
        const std::string place = fmt::format("/x-rates/{}", name);
        const auto& value = need(need(root_, "x-rates", ""), name, "/x-rates");
        const bool slow = member(value, "per_minute") != nullptr;
        const auto& burst = need(value, "burst", place);
        const auto& times = need(value, slow ? "per_minute" : "per_second", place);
        if (!burst.IsInt() || burst.GetInt() < 1 || !times.IsInt() || times.GetInt() < 1)
            refuse(place, "expected whole numbers above zero");
        return {burst.GetInt(), std::chrono::microseconds((slow ? 60'000'000 : 1'000'000) / times.GetInt())};
    }

    Shape shape(const std::string& pointer) {
        const auto* schema = rapidjson::Pointer(pointer.c_str(), pointer.size()).Get(root_);
        if (!schema) refuse(pointer, "is not there");
        return Shape(inlined(*schema, pointer, 0), name_ + pointer);
    }

  private:
    [[noreturn]] void refuse(const std::string& place, const std::string& why) const {
        throw Failure({Fault::permanent, "api.bad_document", name_ + place + ": " + why});
    }

    Value::ConstObject members(const Value& object, const std::string& place) const {
        if (!object.IsObject()) refuse(place, "expected an object");
        return object.GetObject();
    }

    Value::ConstArray items(const Value& array, const std::string& place) const {
        if (!array.IsArray()) refuse(place, "expected a list");
        return array.GetArray();
    }

    const Value& need(const Value& object, std::string_view key, const std::string& place) const {
        const auto* found = member(object, key);
        if (!found) refuse(place, fmt::format("'{}' is missing", key));
        return *found;
    }

    const Value& resolved(const Value& value, const std::string& place, int depth = 0) const {
        const auto* reference = member(value, "$ref");
        if (!reference) return value;
        const auto target = view(*reference);
        if (value.MemberCount() != 1) refuse(place, "nothing may stand beside a $ref");
        if (!target.starts_with("#/") || depth > max_references) refuse(place, "a $ref that leads nowhere");
        const auto* found = rapidjson::Pointer(target.data() + 1, target.size() - 1).Get(root_);
        if (!found) refuse(place, fmt::format("{} is not there", target));
        return resolved(*found, place, depth + 1);
    }

    // As JSON source, with what the references name in their place.
    std::string inlined(const Value& value, const std::string& place, int depth) const {
        if (depth > 4 * max_references) refuse(place, "a schema that contains itself");
        const Value& here = resolved(value, place);
        if (here.IsArray()) {
            std::string items;
            for (const auto& item : here.GetArray())
                items += (items.empty() ? "" : ",") + inlined(item, place, depth + 1);
            return "[" + items + "]";
        }
        rapidjson::StringBuffer buffer;
        rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
        if (!here.IsObject()) {
            here.Accept(writer);
            return {buffer.GetString(), buffer.GetSize()};
        }
        writer.StartObject();
        for (const auto& [name, part] : here.GetObject()) {
            writer.Key(name.GetString(), name.GetStringLength());
            const std::string json = inlined(part, place, depth + 1);
            writer.RawValue(json.data(), json.size(), rapidjson::kObjectType);
        }
        writer.EndObject();
        return {buffer.GetString(), buffer.GetSize()};
    }

    ApiOperation operation(std::string path, std::string method, const Value& value,
                           const std::string& place) const {
        ApiOperation operation;
        operation.id = view(need(value, "operationId", place));
        operation.path = std::move(path);
        std::ranges::transform(method, std::back_inserter(operation.method),
                               [](char c) { return static_cast<char>(c - 'a' + 'A'); });
        read_callers(operation, need(value, "security", place), place);
        if (const auto* permission = member(value, "x-permission")) {
            operation.permission_name = view(*permission);
            const auto known = Permissions::parse(std::array{operation.permission_name});
            if (!known) refuse(place, known.error().text);
            operation.permission = *known;
        }
        if (const auto* whole = member(value, "x-installation")) {
            if (!whole->IsTrue()) refuse(place, "x-installation is true, or left out");
            operation.of_installation = true;
        }
        if (const auto* its_rate = member(value, "x-rate")) {
            operation.rate_name = view(*its_rate);
            operation.rate = rate(operation.rate_name);
        }
        if (const auto* parameters = member(value, "parameters")) {
            for (const auto& parameter : items(*parameters, place))
                operation.parameters.push_back(read_parameter(resolved(parameter, place), place));
        }
        check_path(operation, place);
        read_body(operation, value, place);
        for (const auto& [status, response] : members(need(value, "responses", place), place)) {
            int number = 0;
            const auto text = view(status);
            std::from_chars(text.data(), text.data() + text.size(), number);
            if (number < 100 || number > 599) refuse(place, "a response is named by its status");
            operation.statuses.insert(number);
        }
        return operation;
    }

    void read_callers(ApiOperation& operation, const Value& security, const std::string& place) const {
        for (const auto& choice : items(security, place)) {
            if (!choice.IsObject() || choice.MemberCount() != 1) refuse(place, "one scheme is enough");
            const auto name = view(choice.MemberBegin()->name);
            const auto* const scheme = std::ranges::find(schemes, name, &Scheme::name);
            if (scheme == schemes.end()) refuse(place, fmt::format("no such security scheme: {}", name));
            operation.callers.insert(scheme->serves);
        }
    }

    ApiParameter read_parameter(const Value& value, const std::string& operation) const {
        const std::string name(view(need(value, "name", operation)));
        const std::string place = operation + "/parameters/" + name;
        const auto in = view(need(value, "in", place));
        const Value& schema = resolved(need(value, "schema", place), place);
        std::string type(view(need(schema, "type", place)));
        if (type != "string" && type != "integer" && type != "boolean") refuse(place, "of an unknown type");
        ApiParameter parameter{name, ApiParameter::In::query, false, std::move(type),
                               Shape(inlined(schema, place, 0), name_ + place)};
        if (in == "path") parameter.in = ApiParameter::In::path;
        if (in == "header") parameter.in = ApiParameter::In::header;
        if (in == "cookie") refuse(place, "cookies are not read");
        const auto* required = member(value, "required");
        parameter.required = required && required->IsTrue();
        return parameter;
    }

    void check_path(const ApiOperation& operation, const std::string& place) const {
        for (const auto& parameter : operation.parameters) {
            const bool named = operation.path.find("{" + parameter.name + "}") != std::string::npos;
            if (named != (parameter.in == ApiParameter::In::path))
                refuse(place, "the path and its parameters differ: " + parameter.name);
        }
        const auto named = std::ranges::count(operation.path, '{');
        const auto stated =
            std::ranges::count(operation.parameters, ApiParameter::In::path, &ApiParameter::in);
        if (named != stated) refuse(place, "a part of the path is no parameter");
    }

    void read_body(ApiOperation& operation, const Value& value, const std::string& place) const {
        const auto* body = member(value, "requestBody");
        if (!body) return;
        const auto* required = member(*body, "required");
        if (!required || !required->IsTrue()) refuse(place, "a body is required, or there is none");
        const Value& media = need(*body, "content", place);
        if (!media.IsObject() || media.MemberCount() != 1) refuse(place, "a body is application/json");
        const Value& schema = need(need(media, "application/json", place), "schema", place);
        operation.body = Shape(inlined(schema, place, 0), name_ + place + "/requestBody");
        operation.max_body_bytes = usual_body_bytes;
        if (const auto* most = member(value, "x-max-bytes"); most && most->IsUint())
            operation.max_body_bytes = most->GetUint();
    }

    const std::string& name_;
    rapidjson::Document root_;
};

}  // namespace

const ApiParameter* ApiOperation::parameter(ApiParameter::In in, std::string_view name) const {
    const auto found = std::ranges::find_if(
        parameters, [&](const ApiParameter& it) { return it.in == in && it.name == name; });
    return found == parameters.end() ? nullptr : &*found;
}

ApiDocument ApiDocument::parse(std::string yaml, const std::string& name) {
    ApiDocument document;
    document.name_ = name;
    document.json_ = json_of_yaml(yaml, name);
    document.yaml_ = std::move(yaml);
    Reader reader(document.name_, document.json_);
    document.operations_ = reader.operations();
    document.caller_rate_ = reader.rate("caller");
    document.tenant_rate_ = reader.rate("tenant");
    document.stranger_rate_ = reader.rate("stranger");
    return document;
}

ApiDocument ApiDocument::load(const std::filesystem::path& file) {
    std::ifstream in(file);
    if (!in) {
        throw Failure({Fault::permanent, "api.bad_document",
                       file.string() + " cannot be read; set schemas to the folder with openapi.yaml"});
    }
    std::ostringstream text;
    text << in.rdbuf();
    return parse(text.str(), file.string());
}

Shape ApiDocument::shape(const std::string& pointer) const {
    return Reader(name_, json_).shape(pointer);
}

}  // namespace relevo
