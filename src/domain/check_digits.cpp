#include "domain/check_digits.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace relevo {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool all_digits(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_digit);
}

int value(char digit) {
    return digit - '0';
}

// Of the first digits.
int number(std::string_view digits, std::size_t count) {
    int out = 0;
    for (const char digit : digits.substr(0, count)) out = out * 10 + value(digit);
    return out;
}

// Which lengths a brand gives its numbers. Older and rarer ones have no word for themselves here.
bool is_of_a_brand(std::string_view digits) {
    const std::size_t size = digits.size();
    const int two = number(digits, 2);
    const int four = number(digits, 4);
    if (digits[0] == '4') return size == 13 || size == 16 || size == 19;
    if (two == 34 || two == 37) return size == 15;
    if (two == 36 || two == 38 || two == 39 || (four >= 3000 && four <= 3059)) return size == 14;
    if (four >= 3528 && four <= 3589) return size == 16;
    if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return size == 16;
    return (digits[0] == '5' || digits[0] == '6') && size >= 16;
}

constexpr std::string_view iban_lengths =
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18"
    "FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27"
    "MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27"
    "SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

// Brazil: the check digit after `count` characters; a letter counts as its code does.
char brazilian_digit(std::string_view text, std::size_t count, int most_weight) {
    int sum = 0;
    int weight = 2;
    for (std::size_t i = count; i-- > 0;) {
        sum += value(text[i]) * weight;
        weight = weight == most_weight ? 2 : weight + 1;
    }
    const int rest = sum % 11;
    return static_cast<char>('0' + (rest < 2 ? 0 : 11 - rest));
}

bool ends_as_brazilian(std::string_view text, int most_weight) {
    const std::size_t size = text.size();
    // of one digit only it would be right, and is nobody's
    if (text.find_first_not_of(text[0]) == std::string_view::npos) return false;
    return text[size - 2] == brazilian_digit(text, size - 2, most_weight) &&
           text[size - 1] == brazilian_digit(text, size - 1, most_weight);
}

bool is_date(std::string_view six) {
    if (!all_digits(six)) return false;
    const int month = number(six.substr(2), 2);
    const int day = number(six.substr(4), 2);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

// The sum of each character's place in the alphabet times a weight that falls to 2.
int mexican_sum(std::string_view text, std::string_view alphabet) {
    int sum = 0;
    int weight = static_cast<int>(text.size()) + 1;
    for (const char c : text) {
        const auto place = alphabet.find(c);
        if (place == std::string_view::npos) return -1;
        sum += static_cast<int>(place) * weight--;
    }
    return sum;
}

}  // namespace

bool has_luhn_digit(std::string_view digits) {
    if (!all_digits(digits)) return false;
    int sum = 0;
    bool twice = false;
    for (std::size_t i = digits.size(); i-- > 0; twice = !twice) {
        const int digit = value(digits[i]) * (twice ? 2 : 1);
        sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10 == 0;
}

bool is_card(std::string_view digits) {
    return digits.size() >= 13 && digits.size() <= 19 && has_luhn_digit(digits) && is_of_a_brand(digits);
}

std::size_t iban_length(std::string_view country) {
    for (std::size_t i = 0; i < iban_lengths.size(); i += 4) {
        if (iban_lengths.substr(i, 2) == country)
            return static_cast<std::size_t>(number(iban_lengths.substr(i + 2), 2));
    }
    return 0;
}

bool is_iban(std::string_view text) {
    if (text.size() < 5 || text.size() != iban_length(text.substr(0, 2))) return false;
    int rest = 0;
    const std::string turned = std::string(text.substr(4)).append(text.substr(0, 4));
    for (const char c : turned) {
        if (is_digit(c)) {
            rest = (rest * 10 + value(c)) % 97;
        } else if (c >= 'A' && c <= 'Z') {
            rest = (rest * 100 + (c - 'A' + 10)) % 97;
        } else {
            return false;
        }
    }
    return rest == 1;
}

bool is_cuit(std::string_view digits) {
    if (digits.size() != 11 || !all_digits(digits)) return false;
    constexpr std::array<int, 9> kinds{20, 23, 24, 25, 26, 27, 30, 33, 34};
    if (std::ranges::find(kinds, number(digits, 2)) == kinds.end()) return false;
    constexpr std::array<int, 10> weights{5, 4, 3, 2, 7, 6, 5, 4, 3, 2};
    int sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) sum += value(digits[i]) * weights[i];
    return (sum + value(digits[10])) % 11 == 0;
}

bool is_cpf(std::string_view digits) {
    return digits.size() == 11 && all_digits(digits) && ends_as_brazilian(digits, 11);
}

bool is_cnpj(std::string_view text) {
    const auto known = [](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); };
    return text.size() == 14 && std::ranges::all_of(text, known) && all_digits(text.substr(12)) &&
           ends_as_brazilian(text, 9);
}

bool is_rut(std::string_view digits, char check) {
    if (digits.size() < 7 || digits.size() > 8 || !all_digits(digits)) return false;
    int sum = 0;
    int weight = 2;
    for (std::size_t i = digits.size(); i-- > 0;) {
        sum += value(digits[i]) * weight;
        weight = weight == 7 ? 2 : weight + 1;
    }
    constexpr std::string_view checks = "0K987654321";
    return check == checks[static_cast<std::size_t>(sum % 11)];
}

bool is_nit(std::string_view digits) {
    if (digits.size() < 9 || digits.size() > 11 || !all_digits(digits)) return false;
    constexpr std::array<int, 10> weights{3, 7, 13, 17, 19, 23, 29, 37, 41, 43};
    int sum = 0;
    for (std::size_t i = 0; i + 1 < digits.size(); ++i)
        sum += value(digits[digits.size() - 2 - i]) * weights[i];
    const int rest = sum % 11;
    return value(digits.back()) == (rest < 2 ? rest : 11 - rest);
}

bool is_curp(std::string_view text) {
    if (text.size() != 18 || !is_digit(text[17]) || !is_date(text.substr(4, 6))) return false;
    const auto letter = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (!std::ranges::all_of(text.substr(0, 4), letter) || !std::ranges::all_of(text.substr(11, 5), letter))
        return false;
    if (std::string_view("HMX").find(text[10]) == std::string_view::npos) return false;
    const int sum = mexican_sum(text.substr(0, 17), "0123456789ABCDEFGHIJKLMN~OPQRSTUVWXYZ");
    return sum >= 0 && value(text[17]) == (10 - sum % 10) % 10;
}

bool is_rfc(std::string_view text) {
    if (text.size() < 12 || text.size() > 13) return false;
    const std::string padded = text.size() == 12 ? ' ' + std::string(text) : std::string(text);
    const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || c == '&' || c == '~'; };
    const std::string_view name = text.substr(0, text.size() - 9);
    if (!std::ranges::all_of(name, letter) || !is_date(text.substr(name.size(), 6))) return false;
    const int sum =
        mexican_sum(std::string_view(padded).substr(0, 12), "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ ~");
    if (sum < 0) return false;
    constexpr std::string_view checks = "0A987654321";
    return text.back() == checks[static_cast<std::size_t>(sum % 11)];
}

bool is_dni_or_nie(std::string_view text) {
    if (text.size() != 9) return false;
    std::string digits(text.substr(0, 8));
    if (const auto place = std::string_view("XYZ").find(digits[0]); place != std::string_view::npos)
        digits[0] = static_cast<char>('0' + place);
    if (!all_digits(digits)) return false;
    constexpr std::string_view letters = "TRWAGMYFPDXBNJZSQVHLCKE";
    return text[8] == letters[static_cast<std::size_t>(number(digits, 8) % 23)];
}

bool is_cif(std::string_view text) {
    if (text.size() != 9 || !all_digits(text.substr(1, 7))) return false;
    const auto among = [&](std::string_view kinds) { return kinds.find(text[0]) != std::string_view::npos; };
    if (!among("ABCDEFGHJNPQRSUVW")) return false;
    // as Luhn's, over seven digits
    int sum = 0;
    for (std::size_t i = 1; i < 8; ++i) {
        const int digit = value(text[i]) * (i % 2 == 1 ? 2 : 1);
        sum += digit / 10 + digit % 10;
    }
    const auto check = static_cast<std::size_t>((10 - sum % 10) % 10);
    const bool letter = text[8] == std::string_view("JABCDEFGHI")[check];
    const bool digit = text[8] == static_cast<char>('0' + check);
    return (letter && !among("ABEH")) || (digit && !among("NPQRSW"));
}

}  // namespace relevo
