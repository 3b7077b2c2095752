#include "domain/characters.hpp"

#include <algorithm>

namespace relevo {
namespace {

constexpr std::size_t longest_word = 24;
constexpr std::size_t longest_bytes = 64;

unsigned char byte(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::size_t length_by_first(unsigned char first) {
    if (first >= 0xF0 && first <= 0xF4) return 4;
    if (first >= 0xE0 && first <= 0xEF) return 3;
    if (first >= 0xC2 && first <= 0xDF) return 2;
    return 1;
}

bool is_combining(std::string_view character) {  // U+0300 to U+036F
    return character.size() == 2 &&
           (byte(character, 0) == 0xCC || (byte(character, 0) == 0xCD && byte(character, 1) < 0xB0));
}

char word_letter(std::string_view character) {
    return character == "_" ? '_' : plain_letter(character);
}

}  // namespace

std::string_view character_at(std::string_view text, std::size_t at) {
    if (at >= text.size()) return {};
    const std::size_t size = length_by_first(byte(text, at));
    if (at + size > text.size()) return text.substr(at, 1);
    for (std::size_t i = 1; i < size; ++i) {
        if (!is_continuation(text[at + i])) return text.substr(at, 1);
    }
    return text.substr(at, size);
}

std::string_view character_before(std::string_view text, std::size_t end) {
    if (end == 0) return {};
    for (std::size_t size = 1; size <= std::min<std::size_t>(4, end); ++size) {
        if (is_continuation(text[end - size])) continue;
        if (length_by_first(byte(text, end - size)) == size) return text.substr(end - size, size);
        break;
    }
    return text.substr(end - 1, 1);
}

char plain_letter(std::string_view character) {
    if (character.size() == 1) {
        if (!is_ascii_letter(character[0])) return 0;
        return static_cast<char>(character[0] | 0x20);
    }
    if (character.size() != 2 || byte(character, 0) != 0xC3) return 0;
    // U+00E0 to U+00FF; their capitals stand 32 places before
    constexpr std::string_view plain = "aaaaaa?ceeeeiiii?nooooo?ouuuuy?y";
    const char letter = plain[(byte(character, 1) | 0x20U) - 0xA0U];
    return letter == '?' ? '\0' : letter;
}

bool is_blank(std::string_view c) {
    if (c == " " || c == "\t" || c == "\xC2\xA0" || c == "\xE2\x81\xA0") return true;
    if (c.size() != 3 || byte(c, 0) != 0xE2) return false;
    const unsigned char last = byte(c, 2);
    if (byte(c, 1) == 0x80)
        return last <= 0x8F || (last >= 0xAA && last <= 0xAF);  // U+2000 to U+200F, U+202A…
    return byte(c, 1) == 0x81 && last >= 0xA6 && last <= 0xA9;  // U+2066 to U+2069
}

bool is_hyphen(std::string_view c) {
    if (c == "-" || c == "\xE2\x88\x92") return true;  // U+2212
    return c.size() == 3 && c.starts_with("\xE2\x80") && byte(c, 2) >= 0x90 && byte(c, 2) <= 0x95;
}

// Dots stand within a word, an accent of its own stands after its letter.
PlainWord word_before(std::string_view text, std::size_t end) {
    PlainWord word{{}, end, end};
    while (word.at > 0 && end - word.at < longest_bytes) {
        const auto character = character_before(text, word.at);
        const std::size_t next = word.at - character.size();
        const char letter = word_letter(character);
        const bool within =
            !word.text.empty() && character == "." && word_letter(character_before(text, next)) != 0;
        if (letter == 0 && !within && !is_combining(character)) break;
        if (letter != 0) word.text += letter;
        word.at = next;
    }
    if (word.text.size() > longest_word) word.text.clear();
    std::ranges::reverse(word.text);
    return word;
}

PlainWord word_at(std::string_view text, std::size_t at) {
    PlainWord word{{}, at, at};
    while (word.end < text.size() && word.end - at < longest_bytes) {
        const auto character = character_at(text, word.end);
        const char letter = word_letter(character);
        const bool within =
            !word.text.empty() && (is_combining(character) ||
                                   (character == "." && word_letter(character_at(text, word.end + 1)) != 0));
        if (letter == 0 && !within) break;
        if (letter != 0) word.text += letter;
        word.end += character.size();
    }
    if (word.text.size() > longest_word) word.text.clear();
    return word;
}

}  // namespace relevo
