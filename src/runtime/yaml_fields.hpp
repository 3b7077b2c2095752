#pragma once

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "domain/secret.hpp"

// For .cpp files that read a YAML file field by field: one table of fields gives the reading, the known keys
// and the place of every mistake.

namespace relevo::yaml {

struct Mistake {
    YAML::Mark mark;
    std::string text;
};

/// Thrown: all that is wrong with a node.
struct Mistakes {
    std::vector<Mistake> all;
};

[[noreturn]] void refuse(const YAML::Node& node, std::string text);

/// Does `step`; what that throws joins `mistakes`, so that it does not hide what the next one finds.
void gather(Mistakes& mistakes, const std::function<void()>& step);

template <class T>
T number(const YAML::Node& node, T least, T most) {
    T value{};
    if (!node.IsScalar() || !YAML::convert<T>::decode(node, value) || value < least || value > most) {
        refuse(node, fmt::format("expected a number from {} to {}", least, most));
    }
    return value;
}

/// A text that is not empty.
std::string text(const YAML::Node& node);
/// A text that may be empty.
std::string any_text(const YAML::Node& node);
/// A text, or {file: PATH}: what the file holds, without the blanks at its end.
Secret secret(const YAML::Node& node);
/// "250ms", "16s", "2m", "3h", "14d".
Millis duration(const YAML::Node& node);
/// "64KiB", "4MiB", or a plain number of bytes.
std::int64_t size(const YAML::Node& node);

using Fields = std::map<std::string, std::function<void(const YAML::Node&)>>;

/// Reads a map: refuses what is no field, twice there, or required and missing. One mistake does not hide the
/// next.
void read(const YAML::Node& node, const Fields& fields, const std::set<std::string>& required = {});

/// What `reader` makes of the file; its mistakes as Error `code`, a line each, with file, line and column.
template <class T>
Result<T> load(const std::filesystem::path& file, std::string code,
               const std::function<T(const YAML::Node&)>& reader) {
    const auto invalid = [&](const YAML::Mark& mark, const std::string& what) {
        return fmt::format("{}:{}:{}: {}", file.string(), mark.line + 1, mark.column + 1, what);
    };
    try {
        return reader(YAML::LoadFile(file.string()));
    } catch (const Mistakes& mistakes) {
        auto all = mistakes.all;
        std::ranges::stable_sort(all, {}, [](const Mistake& it) { return it.mark.pos; });
        std::string lines;
        for (const auto& mistake : all) {
            lines += (lines.empty() ? "" : "\n") + invalid(mistake.mark, mistake.text);
        }
        return Error{Fault::permanent, code, std::move(lines)};
    } catch (const YAML::BadFile&) {
        return Error{Fault::permanent, code, file.string() + ": cannot be read"};
    } catch (const YAML::Exception& error) {
        return Error{Fault::permanent, code, invalid(error.mark, error.msg)};
    }
}

}  // namespace relevo::yaml
