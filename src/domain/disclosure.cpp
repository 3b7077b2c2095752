#include "domain/disclosure.hpp"

#include <utility>

#include "core/blanks.hpp"
#include "domain/characters.hpp"

namespace relevo {
namespace {

bool is_cut_off(std::string_view character) {
    return character.size() == 1 && static_cast<unsigned char>(character[0]) >= 0x80;
}

// U+00A0 to U+00BF, as "¡" and "«", and U+2000 to U+206F, as "—" and "…"; of ASCII all but letters and
// digits.
bool stands_between_words(std::string_view c) {
    if (c.size() == 1) return !is_ascii_letter(c[0]) && !is_ascii_digit(c[0]) && !is_cut_off(c);
    if (c.size() == 2) return c[0] == '\xC2';
    return c.starts_with("\xE2\x80") || c.starts_with("\xE2\x81");
}

// An accent of its own, U+0300 to U+033F, which stands after its letter.
bool is_accent(std::string_view c) {
    return c.size() == 2 && c[0] == '\xCC';
}

// The text's words as a reader hears them, a blank after each that is over.
std::string words_of(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto character = character_at(text, at);
        at += character.size();
        if (is_accent(character)) continue;
        if (stands_between_words(character)) {
            if (!out.empty() && out.back() != ' ') out += ' ';
        } else if (const char letter = plain_letter(character)) {
            out += letter;
        } else {
            out += character;
        }
    }
    return out;
}

// A part of an answer may end within a character.
std::size_t end_of_whole_characters(std::string_view text) {
    std::size_t end = text.size();
    while (end > 0 && text.size() - end < 3 && is_cut_off(character_before(text, end))) --end;
    return end;
}

std::string before(std::string_view sentence, std::string_view answer) {
    return std::string(sentence) + "\n\n" + std::string(answer);
}

}  // namespace

std::string disclosed(std::string_view answer, std::string_view sentence) {
    DisclosingStream stream(sentence);
    std::string out = stream.add(answer);
    return out += stream.rest();
}

DisclosingStream::DisclosingStream(std::string_view sentence)
    : sentence_(trimmed(sentence)), words_(words_of(sentence_ + " ")) {}

std::string DisclosingStream::add(std::string_view part) {
    if (sentence_.empty()) return std::string(part);
    held_ += part;
    const std::string words = words_of(std::string_view(held_).substr(0, end_of_whole_characters(held_)));
    const bool says_it = !words_.empty() && words.starts_with(words_);
    if (!says_it && words_.starts_with(words)) return {};  // so far
    const std::string sentence = std::exchange(sentence_, {});
    return says_it ? std::exchange(held_, {}) : before(sentence, std::exchange(held_, {}));
}

std::string DisclosingStream::rest() {
    if (held_.empty()) return {};
    const std::string sentence = std::exchange(sentence_, {});
    const std::string answer = std::exchange(held_, {});
    return words_of(answer + " ") == words_ ? answer : before(sentence, answer);
}

}  // namespace relevo
