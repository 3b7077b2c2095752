#include "domain/national_id.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "domain/characters.hpp"
#include "domain/check_digits.hpp"

namespace relevo {
namespace {

using Text = std::string_view;

bool is_rut_with_digit(Text digits) {
    return is_rut(digits.substr(0, digits.size() - 1), digits.back());
}

struct Shape {
    Text shape;
    bool (*valid)(Text digits);
    bool plain;  // others number their orders so, too
};

constexpr std::array<Shape, 22> checked_shapes{{
    {"ddddddddddd", is_cuit, true},
    {"dd-dddddddd-d", is_cuit, false},
    {"dd dddddddd d", is_cuit, false},
    {"dd.dddddddd.d", is_cuit, false},
    {"dd/dddddddd/d", is_cuit, false},
    {"dd-dd.ddd.ddd-d", is_cuit, false},
    {"dd dd.ddd.ddd d", is_cuit, false},
    {"ddddddddddd", is_cpf, true},
    {"ddd.ddd.ddd-dd", is_cpf, false},
    {"ddd.ddd.ddd.dd", is_cpf, false},
    {"ddd ddd ddd dd", is_cpf, false},
    {"ddd ddd ddd-dd", is_cpf, false},
    {"ddd-ddd-ddd-dd", is_cpf, false},
    {"ddddddddd-dd", is_cpf, true},
    {"dddddddddddddd", is_cnpj, true},
    {"dd.ddd.ddd/dddd-dd", is_cnpj, false},
    {"dddddddd/dddd-dd", is_cnpj, false},
    {"dd.ddd.ddd-d", is_rut_with_digit, false},
    {"d.ddd.ddd-d", is_rut_with_digit, false},
    {"dddddddd-d", is_rut_with_digit, true},
    {"ddddddd-d", is_rut_with_digit, true},
    {"ddd.ddd.ddd-d", is_nit, false},
}};
constexpr std::array<Text, 2> nit_shapes{"ddddddddd-d", "d.ddd.ddd.ddd-d"};

// What is an id where it is called one.
constexpr std::array<Text, 14> document_shapes{"dd.ddd.ddd",  "d.ddd.ddd",   "ddd.ddd.ddd",  "d.ddd.ddd.ddd",
                                               "dd ddd ddd",  "d ddd ddd",   "ddd ddd ddd",  "d ddd ddd ddd",
                                               "dd-ddd-ddd",  "ddddddddd-d", "dddddddddd-d", "d ddd ddd d",
                                               "d.ddd.ddd.d", "dd.ddd.ddd.d"};

bool has_check_digit(const Number& number, bool may_be_plain) {
    for (const auto& [shape, valid, plain] : checked_shapes) {
        if (shape == number.shape && (may_be_plain || !plain) && valid(number.digits)) return true;
    }
    const bool dotted = number.shape == nit_shapes[1];
    return (dotted || (may_be_plain && number.shape == nit_shapes[0])) && is_nit(number.digits);
}

bool may_be_document(const Number& number) {
    if (number.plus) return false;
    const std::size_t size = number.digits.size();
    if (number.groups == 1) return size >= 6 && size <= 11;
    const auto is_shape = [&](const auto& it) { return it == number.shape; };
    return std::ranges::any_of(document_shapes, is_shape) || std::ranges::any_of(nit_shapes, is_shape) ||
           std::ranges::any_of(checked_shapes, [&](const Shape& it) { return it.shape == number.shape; });
}

bool ends_word(Text text, std::size_t end) {
    const auto next = character_at(text, end);
    return next.empty() || (next != "_" && plain_letter(next) == 0 && !is_ascii_digit(next[0]));
}

// The letter behind the digits: Spain's DNI, Chile's RUT that ends with K.
std::size_t end_with_letter(Text text, const Number& number, bool is_document) {
    const bool spanish = number.shape == "dddddddd" || number.shape == "dd.ddd.ddd";
    if (number.plus || (!spanish && number.shape != "ddddddd" && number.shape != "d.ddd.ddd")) return 0;
    std::size_t at = number.end;
    const auto mark = character_at(text, at);
    const bool hyphen = is_hyphen(mark);
    // "12345678 y…" has a letter behind a blank as well
    if (hyphen || (is_document && is_blank(mark))) at += mark.size();
    if (at >= text.size() || !is_ascii_letter(text[at]) || !ends_word(text, at + 1)) return 0;
    const char letter = ascii_upper(text[at]);
    const bool rut = hyphen && letter == 'K' && is_rut(number.digits, 'K');
    const bool dni = spanish && is_dni_or_nie(number.digits + letter);
    return rut || dni || (is_document && (hyphen || at == number.end)) ? at + 1 : 0;
}

// `most` letters and digits from there on in upper case; Ñ as ~.
struct Code {
    std::string text;
    std::size_t end = 0;
};

Code read_code(Text text, std::size_t at, std::size_t most) {
    Code code{{}, at};
    while (code.end < text.size() && code.text.size() < most) {
        const auto c = character_at(text, code.end);
        if (c == "\u00D1" || c == "\u00F1") {
            code.text += '~';
        } else if (is_ascii_letter(c[0]) || is_ascii_digit(c[0]) || c == "&") {
            code.text += ascii_upper(c[0]);
        } else {
            break;
        }
        code.end += c.size();
    }
    return code;
}

// "GODE561231GR8", "GODE-561231-GR8"
std::size_t rfc_end(Text text, std::size_t at) {
    Code whole = read_code(text, at, 14);
    const auto parted = [&] {
        return whole.text.size() >= 3 && whole.text.size() <= 4 && is_hyphen(character_at(text, whole.end));
    };
    for (const std::size_t size : {std::size_t{6}, std::size_t{3}}) {
        if (size == 6 && !parted()) break;
        const auto hyphen = character_at(text, whole.end);
        if (!is_hyphen(hyphen)) return 0;
        const Code part = read_code(text, whole.end + hyphen.size(), size);
        whole.text += part.text;
        whole.end = part.end;
    }
    return is_rfc(whole.text) && ends_word(text, whole.end) ? whole.end : 0;
}

// "X1234567L", "X-1234567-L"; "B12345674", "B-12345674"
std::size_t spanish_end(Text text, std::size_t at) {
    std::string code;
    std::size_t end = at;
    while (end < text.size() && code.size() < 9) {
        if (text[end] == '-' && (code.size() == 1 || code.size() == 8)) ++end;
        const Code next = read_code(text, end, 1);
        if (next.text.empty() || next.text == "~") return 0;
        code += next.text;
        end = next.end;
    }
    if (is_ascii_digit(code[0]) || !ends_word(text, end)) return 0;
    if (is_dni_or_nie(code)) return end;
    return is_cif(code) && topic_before(text, at) == NumberTopic::document ? end : 0;
}

// "12.ABC.345/01DE-35"
std::size_t cnpj_end(Text text, std::size_t at) {
    constexpr Text shape = "aa.aaa.aaa/aaaa-dd";
    if (at + shape.size() > text.size() || !ends_word(text, at + shape.size())) return 0;
    std::string code;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const char c = text[at + i];
        if (shape[i] == 'a' || shape[i] == 'd') {
            code += ascii_upper(c);
        } else if (c != shape[i]) {
            return 0;
        }
    }
    return is_cnpj(code) ? at + shape.size() : 0;
}

}  // namespace

std::size_t national_id_end(Text text, const Number& number, NumberTopic topic) {
    const bool is_document = topic == NumberTopic::document;
    if (const auto end = end_with_letter(text, number, is_document); end != 0) return end;
    if (number.plus || !ends_at(text, number.end)) return 0;
    const bool may_be_plain = topic == NumberTopic::none || topic == NumberTopic::card || is_document;
    if (has_check_digit(number, may_be_plain)) return number.end;
    return is_document && may_be_document(number) ? number.end : 0;
}

std::size_t lettered_id_end(Text text, std::size_t at) {
    if (const auto end = cnpj_end(text, at); end != 0) return end;
    if (is_ascii_digit(text[at])) return 0;
    const Code code = read_code(text, at, 19);
    if (code.text.size() == 18 && is_curp(code.text) && ends_word(text, code.end)) return code.end;
    if (const auto end = rfc_end(text, at); end != 0) return end;
    return spanish_end(text, at);
}

}  // namespace relevo
