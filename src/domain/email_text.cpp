#include <algorithm>
#include <array>
#include <string>

#include "domain/characters.hpp"
#include "domain/personal_text.hpp"

namespace relevo {
namespace {

using Text = std::string_view;

// RFC 5321 lets 64 and 255 bytes.
constexpr std::size_t longest_local = 64;
constexpr std::size_t longest_domain = 255;
constexpr std::size_t longest_spoken = 4;  // words that "punto" joins

// Where people mistype an address it is one of these: elsewhere "@name" is a profile, and "arroba" a weight.
constexpr std::array<Text, 10> providers{"gmail", "hotmail", "outlook",    "yahoo", "icloud",
                                         "live",  "msn",     "protonmail", "ymail", "uol"};

bool is_word(Text c) {
    return !c.empty() && (plain_letter(c) != 0 || is_ascii_digit(c[0]));
}

bool is_local(Text c) {
    return is_word(c) || (c.size() == 1 && Text(".-_+%'").find(c) != Text::npos);
}

// Not before `least`, where another address ends.
std::size_t local_start(Text text, std::size_t end, std::size_t least) {
    std::size_t at = end;
    while (at > least) {
        const auto c = character_before(text, at);
        if (!is_local(c) || end - at + c.size() > longest_local) break;
        at -= c.size();
    }
    while (at < end && !is_word(character_at(text, at)) && text[at] != '_') ++at;
    return at;
}

// The end of the domain that begins there and has a dot, or `at`.
std::size_t domain_end(Text text, std::size_t at) {
    std::size_t end = at;   // of the labels that make a domain
    std::size_t next = at;  // of the label that is read
    int labels = 0;
    while (next - at < longest_domain) {
        const std::size_t begin = next;
        bool letters = true;
        while (next - at < longest_domain) {
            const auto c = character_at(text, next);
            const bool hyphen = c == "-" && next > begin && is_word(character_at(text, next + 1));
            if (!is_word(c) && !hyphen) break;
            letters = letters && plain_letter(c) != 0;
            next += c.size();
        }
        if (next == begin) break;
        if (++labels > 1 && letters && next - begin > 1) end = next;
        if (character_at(text, next) != "." || !is_word(character_at(text, next + 1))) break;
        ++next;
    }
    return end;
}

Text provider_at(Text text, std::size_t at) {
    const PlainWord word = word_at(text, at);
    for (const auto name : providers) {
        if (word.text.starts_with(name) && (word.text.size() == name.size() || text[at + name.size()] == '.'))
            return name;
    }
    return {};
}

bool says(Text text, std::size_t at, Text what) {
    if (at > text.size() || text.size() - at < what.size()) return false;
    return std::ranges::equal(text.substr(at, what.size()), what,
                              [](char a, char b) { return (a | 0x20) == (b | 0x20); });
}

// Of a provider's name and what follows it, also mistyped or spoken: "gmail,com", "gmail punto com".
std::size_t provider_end(Text text, std::size_t at) {
    const Text name = provider_at(text, at);
    if (name.empty()) return at;
    if (const auto end = domain_end(text, at); end != at) return end;
    const PlainWord alone = word_at(text, at);
    std::size_t end = alone.text == name ? alone.end : at + name.size();
    if (says(text, end, ",com")) return end + 4;
    for (std::size_t words = 0; words < longest_spoken; ++words) {
        const std::size_t skip = says(text, end, " punto ") ? 7 : says(text, end, " ponto ") ? 7 : 0;
        const PlainWord word = word_at(text, end + skip);
        if (skip == 0 || word.text.empty()) break;
        end = word.end;
    }
    return end;
}

// "ana punto perez": from its first word.
std::size_t spoken_start(Text text, std::size_t end, std::size_t least) {
    std::size_t at = local_start(text, end, least);
    for (std::size_t words = 0; words < longest_spoken && at < end && at >= least + 7; ++words) {
        if (!says(text, at - 7, " punto ") && !says(text, at - 7, " ponto ")) break;
        const std::size_t before = local_start(text, at - 7, least);
        if (before == at - 7) break;
        at = before;
    }
    return at;
}

std::size_t skip_blank(Text text, std::size_t at) {
    const auto c = character_at(text, at);
    return is_blank(c) ? at + c.size() : at;
}

std::size_t skip_blank_before(Text text, std::size_t end) {
    const auto c = character_before(text, end);
    return is_blank(c) ? end - c.size() : end;
}

}  // namespace

std::vector<PersonalText> find_emails(Text text) {
    std::vector<PersonalText> found;
    std::size_t free = 0;  // what is before belongs to the address before
    const auto add = [&](std::size_t at, std::size_t end) {
        found.push_back({at, end - at, PersonalKind::email});
        free = end;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool sign = text[i] == '@';
        const std::size_t spoken = says(text, i, " arroba ") ? 8 : says(text, i, "(at)") ? 4 : 0;
        if ((!sign && spoken == 0) || i < free) continue;
        const std::size_t after = i + (sign ? 1 : spoken);
        const std::size_t spoken_end = std::max(skip_blank_before(text, i), free);
        std::size_t at = sign ? local_start(text, i, free) : spoken_start(text, spoken_end, free);
        const std::size_t end = sign ? domain_end(text, after) : after;
        if (sign && at < i && end > after) {
            add(at, end);
            continue;
        }
        const std::size_t name = skip_blank(text, after);
        const std::size_t provider = provider_end(text, name);
        if (provider == name) continue;
        if (at >= i) at = local_start(text, spoken_end, free);
        if (at < i && is_word(character_at(text, at))) add(at, provider);
    }
    return found;
}

}  // namespace relevo
