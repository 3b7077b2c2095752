#include "domain/phone_number.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace relevo {
namespace {

using Text = std::string_view;

// `all` has one after the other: "1115" is 11 and 15.
bool among(Text all, Text wanted) {
    for (std::size_t i = 0; i + wanted.size() <= all.size(); i += wanted.size()) {
        if (all.substr(i, wanted.size()) == wanted) return true;
    }
    return false;
}

bool starts_among(Text all, std::size_t width, Text digits) {
    return digits.size() >= width && among(all, digits.substr(0, width));
}

bool digit_in(Text digits, std::size_t at, char least, char most) {
    return at < digits.size() && digits[at] >= least && digits[at] <= most;
}

// ---- what the countries' regulators gave out (ENACOM, Anatel, Subtel, CRC, IFT, CNMC)

constexpr Text argentine_areas =
    "220221223230236237249260261263264266280291294297298299336341342343345348351353358362364370"
    "376379380381383385387388";
constexpr Text brazilian_areas =
    "111213141516171819212224272831323334353738414243444546474849515354556162636465666768697173"
    "74757779818283848586878889919293949596979899";
constexpr Text mexican_areas = "55563381";

// The area's digits, 2 to 4, or 0. Areas of four digits are too many to list: they begin so.
std::size_t argentine_area(Text digits) {
    if (digits.starts_with("11")) return 2;
    if (starts_among(argentine_areas, 3, digits)) return 3;
    const bool four = digit_in(digits, 0, '2', '3') && digit_in(digits, 1, '2', '9');
    return four ? 4 : 0;
}

bool is_argentine(Text digits) {  // with the area: 10 digits, or 12 with 15 before the subscriber's
    const std::size_t area = argentine_area(digits);
    if (area == 0) return false;
    return digits.size() == 10 || (digits.size() == 12 && digits.substr(area, 2) == "15");
}

bool is_brazilian_mobile(Text digits) {
    return digits.size() == 11 && digits[2] == '9' && starts_among(brazilian_areas, 2, digits);
}

bool is_brazilian_landline(Text digits) {
    return digits.size() == 10 && digit_in(digits, 2, '2', '5') && starts_among(brazilian_areas, 2, digits);
}

bool is_colombian_mobile(Text digits) {
    return digits.size() == 10 &&
           (digits.starts_with("30") || digits.starts_with("31") || digits.starts_with("32") ||
            digits.starts_with("350") || digits.starts_with("351"));
}

bool is_mexican(Text digits) {
    return digits.size() == 10 && starts_among(mexican_areas, 2, digits);
}

// ---- with the country's code

// What follows the country's code, by the country's plan.
bool has_country(Text digits) {
    const auto after = [&](Text code) {
        return digits.starts_with(code) ? digits.substr(code.size()) : Text();
    };
    if (const Text rest = after("54"); !rest.empty()) {
        if (rest[0] == '9') return rest.size() == 11;
        return rest.size() == 10 || (rest.size() == 12 && is_argentine(rest));
    }
    if (const Text rest = after("55"); !rest.empty()) return rest.size() == 10 || is_brazilian_mobile(rest);
    if (const Text rest = after("52"); !rest.empty())
        return rest.size() == 10 || (rest.size() == 11 && rest[0] == '1');
    if (const Text rest = after("57"); !rest.empty())
        return rest.size() == 10 || (rest.size() == 8 && rest[0] != '0');
    if (const Text rest = after("56"); !rest.empty()) return rest.size() == 9;
    if (const Text rest = after("34"); !rest.empty()) return rest.size() == 9;
    if (const Text rest = after("1"); !rest.empty()) return rest.size() == 10;
    return digit_in(digits, 0, '2', '9') && digits.size() >= 10 && digits.size() <= 15;
}

bool has_known_country(Text digits) {
    constexpr std::array<Text, 7> codes{"54", "55", "52", "57", "56", "34", "1"};
    return has_country(digits) &&
           std::ranges::any_of(codes, [&](Text code) { return digits.starts_with(code); });
}

// Digits alone, as the providers name who writes.
bool is_bare_international(Text digits) {
    switch (digits.size()) {
        case 11:
            return digits.starts_with("569") || digits.starts_with("346") || digits.starts_with("347");
        case 12:
            return digits.starts_with("573") || (digits.starts_with("52") && is_mexican(digits.substr(2)));
        case 13:
            return digits.starts_with("549") || digits.starts_with("521") ||
                   (digits.starts_with("55") && is_brazilian_mobile(digits.substr(2)));
        default:
            return false;
    }
}

// "54 11 5555 0101"
bool begins_with_country(const Number& number) {
    return number.shape.starts_with("dd ") && number.longest > 2 && number.digits[0] != '1' &&
           has_known_country(number.digits);
}

// ---- without it

// 0351, 011, 044, 01: what one dials before the area.
bool has_trunk_prefix(const Number& number) {
    const Text digits = number.digits;
    if (!digits.starts_with("0")) return false;
    const Text rest = digits.substr(1);
    if (digits.starts_with("044") || digits.starts_with("045")) return digits.size() == 13;
    // twelve digits alone may be what stands under a bar code
    if (digits.starts_with("01") && digits.size() == 12)
        return is_mexican(digits.substr(2)) || (number.groups > 1 && digit_in(digits, 2, '2', '9'));
    return is_argentine(rest) || is_brazilian_mobile(rest) || is_brazilian_landline(rest);
}

bool begins_with_date(const Number& number) {
    const std::string shape = number.shape + ' ';
    return shape.starts_with("dd-dd-dddd ") || shape.starts_with("dddd-dd-dd ");
}

bool is_year(Text four) {
    return four.starts_with("19") || four.starts_with("20");
}

bool has_local_shape(const Number& number) {
    const Text digits = number.digits;
    std::string shape = number.shape;
    std::ranges::replace(shape, '-', ' ');
    if (shape == "dd dddd dddd") {
        if (is_year(digits.substr(2)) && is_year(digits.substr(6))) return false;
        const bool landline = is_brazilian_landline(digits) && number.shape.ends_with("-dddd");
        return starts_among("1115", 2, digits) || is_mexican(digits) || landline;
    }
    if (shape == "dd ddddd dddd" || shape == "dd d dddd dddd") return is_brazilian_mobile(digits);
    if (number.shape == "ddddd-dddd") return digits[0] == '9';
    if (shape == "d dddd dddd") return digits[0] == '9';
    if (shape == "ddd ddd dddd" || number.shape == "ddd.ddd.dddd") return digit_in(digits, 0, '2', '9');
    if (shape == "ddd ddddddd")
        return starts_among(argentine_areas, 3, digits) || is_colombian_mobile(digits) ||
               digits.starts_with("60");
    if (shape == "ddd ddd ddd" || shape == "ddd dd dd dd") return digit_in(digits, 0, '6', '9');
    if (shape == "dd ddd dd dd") return digit_in(digits, 0, '8', '9');
    if (number.shape == "dddd dd-dddd") return argentine_area(digits) != 0;
    return false;
}

bool is_bare_local(Text digits) {
    if (digits.size() == 9) return digit_in(digits, 0, '6', '7') || digits[0] == '9';
    if (digits.size() == 11) return is_brazilian_mobile(digits);
    if (digits.size() != 10) return false;
    return starts_among("1115", 2, digits) || starts_among(argentine_areas, 3, digits) ||
           is_colombian_mobile(digits) || is_mexican(digits);
}

constexpr std::array<Text, 16> local_shapes{"dddd dddd",     "ddd dddd",     "dd dd dd dd dd", "dd dd dd dd",
                                            "ddd dd dd",     "dddd dddddd",  "dd dddddddd",    "dd ddd dddd",
                                            "ddddd dddd",    "dddd ddddd",   "dddddd dddd",    "dd ddd ddd",
                                            "ddd ddd dd dd", "ddd dddd ddd", "dddd ddd ddd",   "d ddd dddd"};

}  // namespace

bool is_international(const Number& number) {
    if (number.shape.find('/') != std::string::npos) return false;
    if (number.plus) return has_country(number.digits);
    return number.digits.starts_with("00") && has_known_country(Text(number.digits).substr(2));
}

bool looks_like_phone(const Number& number) {
    if (is_international(number)) return true;
    if (number.plus || begins_with_date(number) || number.shape.find('/') != std::string::npos) return false;
    const Text digits = number.digits;
    if (has_trunk_prefix(number)) return true;
    if (number.groups == 1) return is_bare_international(digits) || is_bare_local(digits);
    if (number.ends_round) return false;
    if (begins_with_country(number) || has_local_shape(number)) return true;
    if (number.longest > 2 && is_bare_international(digits)) return true;
    const bool area_first = number.parens && digits.size() >= 9 && digits.size() <= 12;
    const std::size_t first = number.shape.find_first_not_of('d');
    const bool with_15 = digits.size() == 12 && is_argentine(digits) && first == argentine_area(digits);
    return (area_first || with_15) && number.longest > 2;
}

bool may_be_phone(const Number& number) {
    if (number.shape.find('/') != std::string::npos) return false;
    const std::size_t size = number.digits.size();
    // a telephone may be what costs 450000
    if (number.groups == 1) return size >= 6 && size <= 15 && !number.digits.ends_with("000");
    std::string shape = number.shape;
    std::ranges::replace_if(
        shape, [](char c) { return c != 'd'; }, ' ');
    if (std::ranges::find(local_shapes, shape) != local_shapes.end()) return true;
    // groups of a person's own making
    return number.plus && size >= 8 && size <= 15;
}

}  // namespace relevo
