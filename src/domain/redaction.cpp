#include "domain/redaction.hpp"

#include <algorithm>
#include <charconv>

#include "domain/characters.hpp"
#include "domain/number.hpp"

namespace relevo {
namespace {

using Text = std::string_view;

// "\[ NATIONAL\_ID\_123456 \]" and a blank or two.
constexpr std::size_t longest_placeholder = 32;
constexpr std::size_t most_figures = 6;

struct Placeholder {
    PersonalKind kind;
    int number;
    std::size_t at;
    std::size_t end;
};

// What stands between the words of a placeholder; a backslash where Markdown wants one.
bool parts_words(char c) {
    return c == '_' || c == ' ' || c == '-' || c == '\\';
}

// The placeholder that begins at `begin`, also as models write them: "[Email 1]", "\[NATIONAL\_ID\_1\]".
std::optional<Placeholder> read_placeholder(Text text, std::size_t begin) {
    std::size_t at = begin + 1;
    const auto next = [&] { return at < text.size() && at < begin + longest_placeholder ? text[at] : '\0'; };
    std::string name;
    for (; is_ascii_letter(next()) || parts_words(next()); ++at) {
        if (is_ascii_letter(next())) {
            name += static_cast<char>(next() | 0x20);
        } else if (!name.empty() && name.back() != '_') {
            name += '_';
        }
    }
    if (name.ends_with('_')) name.pop_back();
    const std::size_t figures = at;
    while (is_ascii_digit(next()) && at - figures < most_figures) ++at;
    int number = 0;
    std::from_chars(text.data() + figures, text.data() + at, number);
    while (next() == ' ') ++at;
    const bool escaped = next() == '\\';
    at += escaped ? 1U : 0U;
    const auto kind = personal_kind(name);
    // "_01" is not how they are written: each has one way to write its number
    if (next() != ']' || !kind || number == 0 || text[figures] == '0') return std::nullopt;
    // a backslash before it is its own only where its end has one as well
    const bool opened = escaped && begin > 0 && text[begin - 1] == '\\';
    return Placeholder{*kind, number, begin - (opened ? 1U : 0U), at + 1};
}

// For each placeholder of the text: where it is, and which.
template <class Use>
void for_each_placeholder(Text text, const Use& use) {
    for (std::size_t at = text.find('['); at != Text::npos; at = text.find('[', at)) {
        const auto found = read_placeholder(text, at);
        if (found) use(*found);
        at = found ? found->end : at + 1;
    }
}

std::string compact(Text text) {
    std::string out;
    for (const char c : text) {
        if (is_ascii_letter(c) || is_ascii_digit(c) || c == '@' || static_cast<unsigned char>(c) >= 0x80)
            out += ascii_upper(c);
    }
    return out;
}

// The digits of a number that has nothing else; else "".
std::string digits_of(Text text) {
    std::string out;
    for (const char c : text) {
        if (is_ascii_letter(c)) return {};
        if (is_ascii_digit(c)) out += c;
    }
    return out;
}

// JSON whose escapes are blanks, as long as the text: what stands behind "\n" begins there.
std::string without_escapes(Text json) {
    std::string out(json);
    std::size_t end = 0;
    for (std::size_t at = out.find('\\'); at != std::string::npos; at = out.find('\\', end)) {
        end = std::min(out.size(), at + (json.substr(at + 1, 1) == "u" ? 6 : 2));
        std::fill(out.begin() + static_cast<std::ptrdiff_t>(at),
                  out.begin() + static_cast<std::ptrdiff_t>(end), ' ');
    }
    return out;
}

}  // namespace

void Redaction::take(Text text) {
    for_each_placeholder(text, [&](const Placeholder& it) { taken_.insert({it.kind, it.number}); });
}

void Redaction::keep(Text text) {
    take(text);
    for (const auto& found : find_personal(text)) kept_.insert(compact(text.substr(found.at, found.size)));
    const auto groups = digit_groups(text);
    for (std::size_t first = 0; first < groups.size(); ++first) {
        for (auto& number : numbers_from(text, groups, first)) kept_.insert(std::move(number.digits));
    }
}

void Redaction::learn(Text text, NumberTopic asked) {
    take(text);
    for (const auto& found : find_personal(text, asked)) {
        const std::string digits = digits_of(text.substr(found.at, found.size));
        if (found.kind != PersonalKind::email && !digits.empty()) known_.emplace(digits, found.kind);
    }
}

bool Redaction::hides(Text found, PersonalKind kind) const {
    return hidden_.contains(kind) && !kept_.contains(compact(found));
}

const std::string& Redaction::placeholder(Text found, PersonalKind kind) {
    if (const auto there = placeholders_.find(found); there != placeholders_.end()) return there->second;
    int& number = last_[kind];
    do ++number;
    while (taken_.contains({kind, number}));
    originals_.emplace(Place{kind, number}, found);
    std::string name(name_of(kind));
    std::ranges::transform(name, name.begin(), ascii_upper);
    std::string written = "[" + name + "_" + std::to_string(number) + "]";
    return placeholders_.emplace(found, std::move(written)).first->second;
}

std::string Redaction::redact(Text text, NumberTopic asked) {
    std::string out;
    std::size_t done = 0;
    for (const auto& [at, size, kind] : find_personal(text, asked, known_)) {
        const Text found = text.substr(at, size);
        if (!hides(found, kind)) continue;
        out.append(text.substr(done, at - done)).append(placeholder(found, kind));
        done = at + size;
    }
    return out.append(text.substr(done));
}

std::string Redaction::redact_json(Text json) {
    const std::string plain = without_escapes(json);
    std::string out;
    std::size_t done = 0;
    bool in_string = false;
    for (const auto& [at, size, kind] : find_personal(plain, NumberTopic::none, known_)) {
        const Text found = json.substr(at, size);
        if (!hides(found, kind)) continue;
        const Text before = Text(plain).substr(done, at - done);
        in_string = in_string != (std::ranges::count(before, '"') % 2 == 1);
        const Text quote = in_string ? "" : "\"";
        out.append(json.substr(done, at - done)).append(quote).append(placeholder(found, kind)).append(quote);
        done = at + size;
    }
    return out.append(json.substr(done));
}

std::string Redaction::restore(Text answer) const {
    std::string out;
    std::size_t done = 0;
    for_each_placeholder(answer, [&](const Placeholder& it) {
        const auto original = originals_.find({it.kind, it.number});
        if (original == originals_.end()) return;
        out.append(answer.substr(done, it.at - done)).append(original->second);
        done = it.end;
    });
    return out.append(answer.substr(done));
}

std::string without_personal(Text text) {
    return Redaction(all_personal_kinds()).redact(text);
}

std::string RestoringStream::add(Text part) {
    held_ += part;
    std::size_t end = held_.size();
    const auto open = held_.rfind('[');
    if (open != std::string::npos && held_.size() - open < longest_placeholder &&
        held_.find(']', open) == std::string::npos)
        end = open;
    if (end > 0 && held_[end - 1] == '\\') --end;
    const std::string whole = redaction_.restore(Text(held_).substr(0, end));
    held_.erase(0, end);
    return whole;
}

std::string RestoringStream::rest() {
    return redaction_.restore(std::exchange(held_, {}));
}

}  // namespace relevo
