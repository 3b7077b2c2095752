#include "domain/data_block.hpp"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/utf8.hpp"

namespace relevo {
namespace {

// What a model is told of a message must neither crowd out the rest of its prompt nor cost without a bound.
constexpr std::size_t longest_text = 200;  // code points
constexpr std::size_t longest_name = 40;   // bytes, of one part of a path
constexpr std::size_t most_entries = 24;   // of one object
constexpr std::size_t most_bytes = 12'000;
constexpr std::size_t most_elements = 10;  // of one array
constexpr int deepest = 4;

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= longest_name && std::ranges::all_of(text, [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-';
    });
}

// The first code point of well-formed text, and how many bytes it has.
struct CodePoint {
    char32_t value;
    std::size_t length;
};

CodePoint first_of(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t value = lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) value = (value << 6) | (byte(i) & 0x3FU);
    return {value, length};
}

bool is_between(char32_t c, char32_t first, char32_t last) {
    return c >= first && c <= last;
}

bool is_break(char32_t c) {
    return is_between(c, 0x09, 0x0D) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

// What no reader sees, or what turns the direction of what one sees: a hidden text is still read by a model.
bool is_invisible(char32_t c) {
    return c < 0x20 || is_between(c, 0x7F, 0x9F) || c == 0xAD || c == 0x034F || c == 0x061C || c == 0x115F ||
           c == 0x1160 || c == 0x17B4 || c == 0x17B5 || is_between(c, 0x180B, 0x180F) ||
           is_between(c, 0x200B, 0x200F) || is_between(c, 0x202A, 0x202E) || is_between(c, 0x2060, 0x206F) ||
           c == 0x3164 || c == 0xFEFF || c == 0xFFA0 || is_between(c, 0xFFF0, 0xFFFC) || c == 0xFFFE ||
           c == 0xFFFF || is_between(c, 0xE0000, 0xE0FFF) || is_between(c, 0xE000, 0xF8FF) || c >= 0xF0000;
}

// What begins a tag, a place to fill in, a fence or a model's own mark, and what looks like it.
std::optional<std::string_view> look_alike(char32_t c) {
    switch (c) {
        case U'<':
        case 0xFF1C:
            return "‹";
        case U'>':
        case 0xFF1E:
            return "›";
        case U'{':
        case 0xFF5B:
            return "(";
        case U'}':
        case 0xFF5D:
            return ")";
        case U'`':
            return "'";
        case U'|':
        case 0xFF5C:
            return "¦";
        case U'[':
            return "(";
        case U']':
            return ")";
        default:
            return std::nullopt;
    }
}

// The length of what stands for something hidden, as "[EMAIL_1]", at the start of the text; 0 for none.
std::size_t placeholder_length(std::string_view text) {
    const auto end = text.find(']');
    if (text.front() != '[' || end == text.npos) return 0;
    const auto name = text.substr(1, end - 1);
    const auto kind = name.find_last_not_of("0123456789");
    if (kind == name.npos || kind == 0 || kind + 1 == name.size() || name[kind] != '_') return 0;
    if (name.substr(0, kind).find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != name.npos) return 0;
    return end + 1;
}

std::string quoted(std::string_view raw) {
    const std::string clean = clean_utf8(raw);
    std::string_view text = clean;
    const std::size_t cut = prefix_of_code_points(text, longest_text);
    const bool whole = cut == text.size();
    text = text.substr(0, cut);
    std::string out = "\"";
    while (!text.empty()) {
        std::size_t taken = placeholder_length(text);
        if (taken > 0) {
            out += text.substr(0, taken);
        } else {
            const CodePoint c = first_of(text);
            taken = c.length;
            if (is_break(c.value)) {
                out += ' ';
            } else if (const auto other = look_alike(c.value)) {
                out += *other;
            } else if (!is_invisible(c.value)) {
                if (c.value == U'"' || c.value == U'\\') out += '\\';
                out += text.substr(0, taken);
            }
        }
        text.remove_prefix(taken);
    }
    return out.append(whole ? "\"" : "…\"");
}

// One object's lines, without its number.
class Entries {
  public:
    void add(const rapidjson::Value& value, const std::string& path, int depth) {
        if (value.IsObject()) {
            for (const auto& member : value.GetObject()) {
                add_below(member.value, path, {member.name.GetString(), member.name.GetStringLength()},
                          depth);
            }
        } else if (value.IsArray()) {
            for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
                if (i == most_elements) {
                    left_out_ += value.Size() - i;
                    return;
                }
                add_below(value[i], path, std::to_string(i), depth);
            }
        } else if (const auto text = scalar(value)) {
            if (lines_.size() < most_entries) {
                lines_.push_back(path + ": " + *text);
            } else {
                ++left_out_;
            }
        }
    }
    const std::vector<std::string>& lines() const { return lines_; }
    std::size_t left_out() const { return left_out_; }

  private:
    void add_below(const rapidjson::Value& value, const std::string& path, std::string_view name, int depth) {
        if (depth == deepest || !is_name(name)) {
            ++left_out_;
        } else {
            add(value, path.empty() ? std::string(name) : fmt::format("{}.{}", path, name), depth + 1);
        }
    }

    static std::optional<std::string> scalar(const rapidjson::Value& value) {
        if (value.IsString()) return quoted({value.GetString(), value.GetStringLength()});
        if (value.IsBool()) return value.GetBool() ? "true" : "false";
        if (value.IsInt64()) return std::to_string(value.GetInt64());
        if (value.IsUint64()) return std::to_string(value.GetUint64());
        if (value.IsDouble() && std::isfinite(value.GetDouble())) return fmt::format("{}", value.GetDouble());
        return std::nullopt;
    }

    std::vector<std::string> lines_;
    std::size_t left_out_ = 0;
};

}  // namespace

std::string data_block(std::string_view tag, std::string_view json) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
    if (document.HasParseError() || !document.IsArray()) return {};
    std::vector<std::string> lines;  // the last one first
    std::size_t left_out = 0;
    std::size_t bytes = 0;
    for (rapidjson::SizeType i = document.Size(); i-- > 0;) {
        if (!document[i].IsObject()) continue;
        Entries entries;
        entries.add(document[i], document.Size() > 1 ? std::to_string(i + 1) : std::string(), 0);
        left_out += entries.left_out();
        for (auto line = entries.lines().rbegin(); line != entries.lines().rend(); ++line) {
            if (bytes + line->size() + 1 > most_bytes) {
                ++left_out;
                continue;
            }
            bytes += line->size() + 1;
            lines.push_back(*line);
        }
    }
    if (lines.empty()) return {};
    std::string out = fmt::format("<{}>\n", tag);
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) out += *line + "\n";
    if (left_out > 0) out += fmt::format("({} more left out)\n", left_out);
    return out += fmt::format("</{}>", tag);
}

}  // namespace relevo
