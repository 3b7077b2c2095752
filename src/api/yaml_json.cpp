#include "api/yaml_json.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <regex>
#include <set>
#include <vector>

#include "core/error.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

[[noreturn]] void refuse(const std::string& file, const YAML::Mark& mark, const std::string& text) {
    throw Failure({Fault::permanent, "api.bad_document",
                   fmt::format("{}:{}:{}: {}", file, mark.line + 1, mark.column + 1, text)});
}

std::string scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!") return json_text(text);  // quoted, or a block
    static const std::regex number("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
    if (text == "true" || text == "false" || std::regex_match(text, number)) return text;
    return json_text(text);
}

std::string value(const YAML::Node& node, const std::string& file) {
    switch (node.Type()) {
        case YAML::NodeType::Scalar:
            return scalar(node);
        case YAML::NodeType::Sequence: {
            std::vector<std::string> items;
            for (const auto& item : node) items.push_back(value(item, file));
            return json_array(items);
        }
        case YAML::NodeType::Map: {
            JsonObject object;
            std::set<std::string> names;
            for (const auto& member : node) {
                if (!member.first.IsScalar()) refuse(file, member.first.Mark(), "a name that is no text");
                const std::string& name = member.first.Scalar();
                if (!names.insert(name).second) refuse(file, member.first.Mark(), "'" + name + "' twice");
                object.raw(name, value(member.second, file));
            }
            return object.str();
        }
        default:
            return "null";
    }
}

}  // namespace

std::string json_of_yaml(const std::string& yaml, const std::string& file) {
    try {
        return value(YAML::Load(yaml), file);
    } catch (const YAML::Exception& error) {
        refuse(file, error.mark, error.msg);
    }
}

}  // namespace relevo
