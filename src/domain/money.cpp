#include "domain/money.hpp"

#include <fmt/format.h>

#include <charconv>

namespace relevo {
namespace {

constexpr std::size_t most_whole_digits = 9;
constexpr std::size_t most_fraction_digits = 6;

bool is_digits(std::string_view text) {
    return text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
    for (const auto& [currency, amount] : other.micros) micros[currency] += amount;
    unpriced += other.unpriced;
    return *this;
}

std::optional<std::int64_t> parse_micros(std::string_view text) {
    const auto point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view fraction =
        point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
    if (whole.empty() || whole.size() > most_whole_digits || !is_digits(whole)) return std::nullopt;
    if (fraction.size() > most_fraction_digits || !is_digits(fraction)) return std::nullopt;
    if (point != std::string_view::npos && fraction.empty()) return std::nullopt;
    std::string digits(whole);
    digits += fraction;
    digits.append(most_fraction_digits - fraction.size(), '0');
    std::int64_t micros = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), micros);
    return micros;
}

std::string format_micros(std::int64_t micros) {
    const std::int64_t size = micros < 0 ? -micros : micros;
    std::string text =
        fmt::format("{}{}.{:06}", micros < 0 ? "-" : "", size / micros_per_unit, size % micros_per_unit);
    const std::size_t shortest = text.size() - 4;
    while (text.size() > shortest && text.back() == '0') text.pop_back();
    return text;
}

std::string format_cost(const Cost& cost) {
    std::string text;
    for (const auto& [currency, micros] : cost.micros) {
        if (currency.empty() || micros == 0) continue;
        text += fmt::format("{}{} {}", text.empty() ? "" : " + ", format_micros(micros), currency);
    }
    if (cost.known()) return text.empty() ? "0.00" : text;
    if (text.empty()) return "not known";
    return fmt::format("{} and {} calls not known", text, cost.unpriced);
}

}  // namespace relevo
