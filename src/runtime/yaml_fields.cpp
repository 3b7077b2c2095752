#include "runtime/yaml_fields.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

namespace relevo::yaml {

void refuse(const YAML::Node& node, std::string text) {
    throw Mistakes{{{node.Mark(), std::move(text)}}};
}

void gather(Mistakes& mistakes, const std::function<void()>& step) {
    try {
        step();
    } catch (Mistakes& found) {
        std::move(found.all.begin(), found.all.end(), std::back_inserter(mistakes.all));
    }
}

std::string text(const YAML::Node& node) {
    if (!node.IsScalar() || node.Scalar().empty()) refuse(node, "expected a text");
    return node.Scalar();
}

std::string any_text(const YAML::Node& node) {
    if (!node.IsScalar()) refuse(node, "expected a text");
    return node.Scalar();
}

namespace {

std::string read_secret_file(const YAML::Node& node) {
    const std::string file = text(node);
    std::ifstream in(file);
    if (!in) refuse(node, file + " cannot be read");
    std::stringstream content;
    content << in.rdbuf();
    std::string value = content.str();
    value.erase(value.find_last_not_of(" \r\n\t") + 1);
    if (value.empty()) refuse(node, "the file is empty");
    return value;
}

}  // namespace

Secret secret(const YAML::Node& node) {
    if (node.IsScalar()) return Secret(node.Scalar());
    Secret value;
    read(node, {{"file", [&](const auto& n) { value = Secret(read_secret_file(n)); }}}, {"file"});
    return value;
}

Millis duration(const YAML::Node& node) {
    static const std::map<std::string, std::int64_t> units{
        {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
    const std::string value = text(node);
    const auto digits = std::min(value.find_first_not_of("0123456789"), value.size());
    const auto unit = units.find(value.substr(digits));
    if (digits == 0 || digits > 9 || unit == units.end()) {
        refuse(node, "expected a duration such as 250ms, 16s, 2m, 3h or 14d");
    }
    return Millis{std::stoll(value.substr(0, digits)) * unit->second};
}

std::int64_t size(const YAML::Node& node) {
    static const std::map<std::string, std::int64_t> units{{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}};
    const std::string value = text(node);
    const auto digits = std::min(value.find_first_not_of("0123456789"), value.size());
    const auto unit = units.find(value.substr(digits));
    if (digits == 0 || digits > 9 || unit == units.end())
        refuse(node, "expected a size such as 64KiB or 4MiB");
    return std::stoll(value.substr(0, digits)) * unit->second;
}

namespace {

void read_entry(const YAML::Node& name, const YAML::Node& value, const Fields& fields,
                std::set<std::string>& seen) {
    const std::string key = text(name);
    const auto field = fields.find(key);
    if (field == fields.end()) {
        std::string known;
        for (const auto& [each, reader] : fields) known += (known.empty() ? "" : ", ") + each;
        refuse(name, fmt::format("unknown key '{}'; known here: {}", key, known));
    }
    if (!seen.insert(key).second) refuse(name, fmt::format("key '{}' is there twice", key));
    field->second(value);
}

}  // namespace

void read(const YAML::Node& node, const Fields& fields, const std::set<std::string>& required) {
    if (!node.IsMap()) refuse(node, "expected a map");
    Mistakes mistakes;
    std::set<std::string> seen;
    for (const auto& entry : node) {
        gather(mistakes, [&] { read_entry(entry.first, entry.second, fields, seen); });
    }
    for (const auto& key : required) {
        if (!seen.contains(key)) {
            mistakes.all.push_back({node.Mark(), fmt::format("key '{}' is missing", key)});
        }
    }
    if (!mistakes.all.empty()) throw mistakes;
}

}  // namespace relevo::yaml
