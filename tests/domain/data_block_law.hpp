#pragma once

#include <sstream>
#include <string>
#include <string_view>

#include "core/utf8.hpp"

namespace relevo::testing {

/// Whether the text is a quoted one that ends where it ends: no quote in it but behind a backslash.
inline bool is_quoted(std::string_view text) {
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
    text = text.substr(1, text.size() - 2);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"') return false;
        if (text[i] == '\\' && ++i == text.size()) return false;
    }
    return true;
}

inline bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789+-.e") == std::string_view::npos;
}

inline bool is_path(std::string_view text) {
    return !text.empty() && text.size() <= 4 * 41 + 11 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
               std::string_view::npos;
}

/// What of a data block's promises does not hold; empty where all do. Knows nothing of how it is made.
inline std::string broken_law(const std::string& block, const std::string& tag) {
    if (block.empty()) return {};
    if (clean_utf8(block) != block) return "it is not storable";
    if (block.size() > 12'200) return "it is too long";
    std::istringstream lines(block);
    std::string line;
    std::getline(lines, line);
    if (line != "<" + tag + ">") return "its first line is not its fence";
    bool ended = false;
    bool counted = false;
    while (std::getline(lines, line)) {
        if (ended) return "something follows its end: " + line;
        for (const unsigned char c : line) {
            if (c < 0x20 || c == 0x7F) return "a control character: " + line;
        }
        if (line == "</" + tag + ">") {
            ended = true;
            continue;
        }
        if (counted) return "something follows its count: " + line;
        if (line.find_first_of("<>{}`|") != std::string::npos) return "markup: " + line;
        if (line.starts_with("(") && line.ends_with(" more left out)") &&
            is_number(line.substr(1, line.find(' ') - 1))) {
            counted = true;
            continue;
        }
        const auto colon = line.find(": ");
        if (colon == std::string::npos || !is_path(line.substr(0, colon))) return "no entry: " + line;
        const auto value = line.substr(colon + 2);
        if (value != "true" && value != "false" && !is_number(value) && !is_quoted(value))
            return "no value: " + line;
        for (const auto* hidden : {"\u2028", "\u2029", "\u0085", "\u202E", "\u200B", "\uFEFF", "\u2066"}) {
            if (value.find(hidden) != std::string::npos) return "something that is not seen: " + line;
        }
    }
    return ended ? "" : "it has no end";
}

}  // namespace relevo::testing
