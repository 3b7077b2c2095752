#include "domain/personal_text.hpp"

#include <algorithm>

#include "domain/characters.hpp"
#include "domain/check_digits.hpp"
#include "domain/national_id.hpp"
#include "domain/number.hpp"
#include "domain/phone_number.hpp"

namespace relevo {
namespace {

using Text = std::string_view;

constexpr std::size_t least_digits = 6;

// "Visa 4539 1488 0343 6467": in fours, or as the brand prints them; never "12 345 6789 …".
bool is_written_as_card(const Number& number, NumberTopic topic) {
    if (number.plus || number.parens || number.shape.find('/') != std::string::npos) return false;
    const bool said = topic == NumberTopic::card;
    if (number.groups == 1) {
        if (!said && topic != NumberTopic::none) return false;
        if (!said && number.digits.size() == 13) return false;  // as long as what stands under a bar code
    }
    char joint = 0;
    std::size_t group = 0;
    for (const char c : number.shape) {
        if (c == 'd') {
            ++group;
            continue;
        }
        if (group < 4 || (joint != 0 && c != joint)) return false;
        joint = c;
        group = 0;
    }
    const std::size_t size = number.digits.size();
    return is_card(number.digits) ||
           (said && size >= 13 && size <= 19 && number.digits[0] != '0' && has_luhn_digit(number.digits));
}

// "ES91 2100 0418 4502 0005 1332"
std::size_t iban_end(Text text, std::size_t at) {
    if (at + 15 > text.size() || !is_ascii_letter(text[at]) || !is_ascii_letter(text[at + 1]) ||
        !is_ascii_digit(text[at + 2]) || !is_ascii_digit(text[at + 3]))
        return 0;
    const std::string country{ascii_upper(text[at]), ascii_upper(text[at + 1])};
    const std::size_t length = iban_length(country);
    std::string code;
    std::size_t end = at;
    while (code.size() < length && end < text.size()) {
        const auto c = character_at(text, end);
        const bool known = is_ascii_letter(c[0]) || is_ascii_digit(c[0]);
        if (!known && !(is_blank(c) || c == "-" || c == ".")) return 0;
        if (!known && !is_ascii_letter(text[end - 1]) && !is_ascii_digit(text[end - 1])) return 0;
        if (known) code += ascii_upper(c[0]);
        end += c.size();
    }
    const auto next = character_at(text, end);
    if (!next.empty() && (plain_letter(next) != 0 || is_ascii_digit(next[0]))) return 0;
    return is_iban(code) ? end : 0;
}

// Numbers in an address of the web are products, orders and places, unless it is one that calls somebody.
class WebAddresses {
  public:
    explicit WebAddresses(Text text) : text_(text) {}

    /// Asked from left to right.
    bool holds(std::size_t at) {
        while (end_ <= at) {
            begin_ = std::min(text_.find_first_not_of(blanks, end_), text_.size());
            end_ = std::min(text_.find_first_of(blanks, begin_), text_.size());
            if (begin_ == end_) end_ = text_.size() + 1;
            is_address_ = looks_like_address(text_.substr(begin_, std::max(end_, begin_) - begin_));
        }
        return is_address_ && at >= begin_;
    }

  private:
    static constexpr Text blanks = " \t\r\n";

    static bool looks_like_address(Text word) {
        if (word.find("://") != Text::npos || word.starts_with("www.")) return true;
        const auto slash = word.find('/');
        if (slash == Text::npos || slash < 4) return false;
        const auto dot = word.substr(0, slash).rfind('.');
        return dot != Text::npos && dot + 2 < slash &&
               std::ranges::all_of(word.substr(dot + 1, slash - dot - 1), is_ascii_letter);
    }

    Text text_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool is_address_ = false;
};

bool calls_somebody(Text text, const Number& number) {
    const Text before = text.substr(0, number.at);
    return number.digits.size() >= 8 && number.digits.size() <= 15 &&
           (before.ends_with("wa.me/") || before.ends_with("phone=") || before.ends_with("tel:"));
}

// One pass for each way to find something. What is found is blotted out for the passes behind it, and so is a
// placeholder in its place: a text that was redacted has nothing left to find.
class Finder {
  public:
    Finder(Text text, NumberTopic asked, const KnownNumbers& known)
        : text_(text), asked_(asked), known_(known) {}

    std::vector<PersonalText> find() {
        for (const auto& email : find_emails(text_)) add(email.at, email.at + email.size, email.kind);
        find_codes();
        find_numbers();
        std::ranges::sort(found_, {}, &PersonalText::at);
        return std::move(found_);
    }

  private:
    bool add(std::size_t at, std::size_t end, PersonalKind kind) {
        found_.push_back({at, end - at, kind});
        std::fill(text_.begin() + static_cast<std::ptrdiff_t>(at),
                  text_.begin() + static_cast<std::ptrdiff_t>(end), '[');
        return true;
    }

    void find_codes() {
        WebAddresses addresses(text_);
        for (std::size_t at = 0; at < text_.size(); ++at) {
            const char c = text_[at];
            if (!is_ascii_letter(c) && !is_ascii_digit(c) && c != '\xC3') continue;
            const auto before = character_before(text_, at);
            const bool within =
                !before.empty() && (before == "_" || plain_letter(before) != 0 || is_ascii_digit(before[0]));
            if (within || addresses.holds(at)) continue;
            if (const auto iban = iban_end(text_, at); iban != 0) {
                add(at, iban, PersonalKind::iban);
            } else if (const auto id = lettered_id_end(text_, at); id != 0) {
                add(at, id, PersonalKind::national_id);
            }
        }
    }

    void find_numbers() {
        const auto groups = digit_groups(text_);
        WebAddresses addresses(text_);
        for (std::size_t first = 0; first < groups.size();) {
            const std::size_t before = found_.size();
            find_number(groups, first, addresses.holds(groups[first].at));
            if (found_.size() == before) {
                ++first;
                continue;
            }
            const std::size_t end = found_.back().at + found_.back().size;
            while (first < groups.size() && groups[first].at < end) ++first;
        }
    }

    void find_number(const std::vector<DigitGroup>& groups, std::size_t first, bool in_address) {
        std::vector<Number> numbers = numbers_from(text_, groups, first);
        std::erase_if(numbers, [](const Number& it) { return it.digits.size() < least_digits; });
        if (numbers.empty()) return;
        const Beginning beginning = beginning_at(text_, numbers.front().at);
        if (in_address) {
            const Number& shortest = numbers.back();
            if (calls_somebody(text_, shortest)) add(shortest.at, shortest.end, PersonalKind::phone);
            return;
        }
        if (beginning == Beginning::part) return;
        const NumberTopic said = topic_before(text_, numbers.front().at);
        if (beginning == Beginning::glued && !is_personal(said)) return;
        for (const auto way : {&Finder::is_surely, &Finder::is_called}) {
            for (const auto& number : numbers) {
                if ((this->*way)(number, topic_of(number, said))) return;
            }
        }
    }

    // "pedido\n1155550101 es mi celular" is a phone all the same.
    NumberTopic topic_of(const Number& number, NumberTopic said) const {
        if (is_personal(said)) return said;
        const NumberTopic after = topic_after(text_, number.end);
        if (is_personal(after)) return after;
        if (said != NumberTopic::none || after != NumberTopic::none)
            return said != NumberTopic::none ? said : after;
        // who asks for an order's number is not told one that is written as phones are
        if (asked_ == NumberTopic::reference && number.groups > 1) return NumberTopic::none;
        // "¿Qué número calzás?" – "36 38 40"
        if (asked_ == NumberTopic::phone && number.longest < 3) return NumberTopic::none;
        return asked_;
    }

    // By itself, unless it is called something else.
    bool is_surely(const Number& number, NumberTopic topic) {
        if (const auto end = national_id_end(text_, number, topic); end != 0)
            return add(number.at, end, PersonalKind::national_id);
        if (!ends_at(text_, number.end)) return false;
        if (const auto known = known_.find(number.digits); known != known_.end())
            return add(number.at, number.end, known->second);
        if (is_written_as_card(number, topic)) return add(number.at, number.end, PersonalKind::card);
        const bool other = topic == NumberTopic::reference || topic == NumberTopic::amount;
        const bool phone = other ? number.plus && is_international(number) : looks_like_phone(number);
        return phone && add(number.at, number.end, PersonalKind::phone);
    }

    // Because it is called so.
    bool is_called(const Number& number, NumberTopic topic) {
        return topic == NumberTopic::phone && may_be_phone(number) && ends_at(text_, number.end) &&
               add(number.at, number.end, PersonalKind::phone);
    }

    std::string text_;
    NumberTopic asked_;
    const KnownNumbers& known_;
    std::vector<PersonalText> found_;
};

}  // namespace

std::vector<PersonalText> find_personal(Text text, NumberTopic asked, const KnownNumbers& known) {
    return Finder(text, asked, known).find();
}

}  // namespace relevo
