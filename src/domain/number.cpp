#include "domain/number.hpp"

#include <algorithm>

#include "domain/characters.hpp"

namespace relevo {
namespace {

constexpr std::size_t most_groups = 8;
constexpr std::size_t most_digits = 22;
constexpr std::size_t longest_joint = 12;  // bytes; marks of direction come along when numbers are pasted

struct Joint {
    char mark = 0;  // 0: two numbers
    int opened = 0;
    int closed = 0;
};

Joint joint_of(std::string_view between) {
    Joint joint;
    if (between.size() > longest_joint) return joint;
    char mark = 0;
    bool blank = false;
    while (!between.empty()) {
        const auto c = character_at(between, 0);
        between.remove_prefix(c.size());
        if (is_blank(c)) {
            blank = true;
        } else if (c == "(") {
            ++joint.opened;
        } else if (c == ")") {
            ++joint.closed;
        } else if (mark == 0 && (c == "." || c == "/" || is_hyphen(c))) {
            mark = is_hyphen(c) ? '-' : c[0];
        } else {
            return joint;
        }
    }
    // ". " ends a sentence, " / " stands between two numbers
    if (blank && (mark == '.' || mark == '/')) return joint;
    joint.mark = mark == 0 ? ' ' : mark;
    return joint;
}

bool is_round(std::string_view digits) {
    return digits.size() >= 3 && (digits.ends_with("00") || digits.ends_with("50"));
}

// Where the plus or the parenthesis before the first group begins.
struct Opening {
    std::size_t plus_at;
    std::size_t paren_at;
    bool plus = false;
    bool paren = false;
};

Opening opening_of(std::string_view text, std::size_t at) {
    Opening opening{at, at};
    const auto take = [&](std::string_view what, std::size_t before) {
        return before > 0 && text.substr(before - 1, 1) == what;
    };
    std::size_t end = at;
    if (const auto c = character_before(text, end); is_blank(c) && take("+", end - c.size())) end -= c.size();
    if (take("+", end)) {
        opening.plus = true;
        opening.plus_at = opening.paren_at = --end;
    } else {
        end = at;
    }
    if (take("(", end)) {
        opening.paren = true;
        opening.paren_at = --end;
        if (!opening.plus && take("+", end)) {
            opening.plus = true;
            opening.paren_at = end - 1;
        }
    }
    return opening;
}

}  // namespace

std::vector<DigitGroup> digit_groups(std::string_view text) {
    std::vector<DigitGroup> groups;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!is_ascii_digit(text[at])) continue;
        if (groups.empty() || groups.back().end != at) groups.push_back({at, at});
        ++groups.back().end;
    }
    return groups;
}

std::vector<Number> numbers_from(std::string_view text, const std::vector<DigitGroup>& groups,
                                 std::size_t first) {
    std::vector<Number> out;
    const Opening opening = opening_of(text, groups[first].at);
    Number number;
    number.plus = opening.plus;
    int depth = opening.paren ? 1 : 0;
    bool closed_first = false;  // what was opened before the first digit
    int rounds = 0;
    for (std::size_t i = first; i < std::min(groups.size(), first + most_groups); ++i) {
        const std::string_view digits = text.substr(groups[i].at, groups[i].end - groups[i].at);
        if (number.digits.size() + digits.size() > most_digits) break;
        if (i > first) {
            const Joint joint = joint_of(text.substr(groups[i - 1].end, groups[i].at - groups[i - 1].end));
            if (joint.mark == 0 || joint.closed > depth || depth - joint.closed + joint.opened > 1) break;
            number.parens = number.parens || joint.closed > 0;
            closed_first = closed_first || (joint.closed > 0 && opening.paren);
            depth += joint.opened - joint.closed;
            number.shape += joint.mark;
        }
        number.digits += digits;
        number.shape.append(digits.size(), 'd');
        number.longest = std::max(number.longest, digits.size());
        rounds += is_round(digits) ? 1 : 0;
        number.ends_round = rounds > 1;
        ++number.groups;
        number.end = groups[i].end;
        number.at = closed_first ? opening.paren_at : opening.plus ? opening.plus_at : groups[first].at;
        if (depth == 0 || (opening.paren && !closed_first)) out.push_back(number);
    }
    std::ranges::reverse(out);
    return out;
}

Beginning beginning_at(std::string_view text, std::size_t at) {
    const auto before = character_before(text, at);
    if (before.empty()) return Beginning::open;
    if (before == "_" || plain_letter(before) != 0) return Beginning::glued;
    if (before == "@" || is_ascii_digit(before[0])) return Beginning::part;
    const auto further = character_before(text, at - before.size());
    if (further.empty()) return Beginning::open;
    if (is_hyphen(before) || before == "/") {
        if (is_ascii_digit(further[0])) return Beginning::part;
        if (further == "_" || plain_letter(further) != 0) return Beginning::glued;
    }
    if ((before == "." || before == ":") && is_ascii_digit(further[0])) return Beginning::part;
    return Beginning::open;
}

bool ends_at(std::string_view text, std::size_t end) {
    const auto next = character_at(text, end);
    if (next.empty()) return true;
    if (next == "_" || next == "@" || next == "%" || is_ascii_digit(next[0]) || plain_letter(next) != 0)
        return false;
    const auto further = character_at(text, end + next.size());
    if (further.empty()) return true;
    if (is_hyphen(next) && plain_letter(further) != 0) return false;
    if (!is_ascii_digit(further[0])) return true;
    return !is_hyphen(next) && std::string_view(".:/'").find(next) == std::string_view::npos;
}

}  // namespace relevo
