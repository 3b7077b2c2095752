#include "core/utf8.hpp"

#include <cstdint>
#include <optional>

namespace relevo {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

bool is_continuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

// The length of the well-formed sequence at the start of `text` (Unicode 15, table 3-7), or 0.
std::size_t sequence_length(std::string_view text) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = at(0);
    if (first < 0x80) return 1;
    std::size_t length = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        if (first == 0xE0) low = 0xA0;
        if (first == 0xED) high = 0x9F;  // U+D800…U+DFFF
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        if (first == 0xF0) low = 0x90;
        if (first == 0xF4) high = 0x8F;
    }
    if (length == 0 || text.size() < length || at(1) < low || at(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if (!is_continuation(text[i])) return 0;
    }
    return length;
}

std::optional<std::uint32_t> escape_value(std::string_view json, std::size_t at) {
    if (at + 6 > json.size() || json[at] != '\\' || json[at + 1] != 'u') return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = at + 2; i < at + 6; ++i) {
        const char c = json[i];
        value <<= 4;
        if (c >= '0' && c <= '9') {
            value |= static_cast<std::uint32_t>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value |= static_cast<std::uint32_t>(c - 'a' + 10);
        } else if (c >= 'A' && c <= 'F') {
            value |= static_cast<std::uint32_t>(c - 'A' + 10);
        } else {
            return std::nullopt;
        }
    }
    return value;
}

}  // namespace

std::string clean_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    std::size_t run = 0;  // of `text`, well-formed
    while (run < text.size()) {
        const std::size_t length = text[run] == '\0' ? 0 : sequence_length(text.substr(run));
        run += length;
        if (length > 0) continue;
        out.append(text.substr(0, run)).append(replacement);
        text.remove_prefix(run + 1);
        run = 0;
    }
    return out.append(text);
}

std::string clean_json_escapes(std::string_view json) {
    std::string out;
    out.reserve(json.size());
    for (std::size_t i = 0; i < json.size();) {
        if (json[i] != '\\') {
            out += json[i++];
            continue;
        }
        const auto value = escape_value(json, i);
        if (!value) {
            out += json.substr(i, 2);
            i += 2;
            continue;
        }
        const bool high = *value >= 0xD800 && *value <= 0xDBFF;
        const bool low = *value >= 0xDC00 && *value <= 0xDFFF;
        const auto next = high ? escape_value(json, i + 6) : std::nullopt;
        if (next && *next >= 0xDC00 && *next <= 0xDFFF) {
            out += json.substr(i, 12);
            i += 12;
        } else {
            out += high || low || *value == 0 ? std::string_view("\\ufffd") : json.substr(i, 6);
            i += 6;
        }
    }
    return out;
}

std::size_t prefix_of_code_points(std::string_view text, std::size_t max) {
    std::size_t at = 0;
    for (std::size_t count = 0; at < text.size(); ++count) {
        if (count == max) break;
        do ++at;
        while (at < text.size() && is_continuation(text[at]));
    }
    return at;
}

std::size_t count_code_points(std::string_view text) {
    std::size_t count = 0;
    for (const char byte : text) count += !is_continuation(byte);
    return count;
}

}  // namespace relevo
