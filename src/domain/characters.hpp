#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace relevo {

// Characters of a text that may be ill-formed: an ill-formed byte is a character of its own, and no letter.

inline bool is_ascii_digit(char c) {
    return c >= '0' && c <= '9';
}
inline bool is_ascii_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
inline char ascii_upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

/// The character that begins at `at`, or "" at the end.
std::string_view character_at(std::string_view text, std::size_t at);
/// The character that ends at `end`, or "" at the beginning.
std::string_view character_before(std::string_view text, std::size_t end);
/// A letter of the languages of our shops as a lower-case one without its accent: 'é' is 'e'; 0: no letter.
char plain_letter(std::string_view character);
/// Blanks within a line, and what writes nothing: marks of direction, joiners.
bool is_blank(std::string_view character);
/// Any of the dashes that people's keyboards make.
bool is_hyphen(std::string_view character);

/// A word in plain letters; '_' belongs to it and dots within it do not: "D.N.I." is "dni".
struct PlainWord {
    std::string text;
    std::size_t at = 0;
    std::size_t end = 0;
};
/// What ends or begins there, or an empty one; one of more than 24 letters is none that we look for.
PlainWord word_before(std::string_view text, std::size_t end);
PlainWord word_at(std::string_view text, std::size_t at);

}  // namespace relevo
