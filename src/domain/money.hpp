#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace relevo {

/// Amounts are millionths of a currency's unit.
inline constexpr std::int64_t micros_per_unit = 1'000'000;

/// What calls cost, by currency (ISO 4217), and what of it nobody knows.
struct Cost {
    std::map<std::string, std::int64_t> micros;
    std::int64_t unpriced = 0;  ///< calls without a known price
    bool known() const { return unpriced == 0; }
    Cost& operator+=(const Cost& other);
};

/// "12.5", at most six digits behind the point and nine before it; nothing else is an amount.
std::optional<std::int64_t> parse_micros(std::string_view text);
/// "0.15", "12.00": two digits behind the point, more where there is more to say.
std::string format_micros(std::int64_t micros);
/// "1.25 USD", "1.25 USD and 3 calls not known", "not known", "0.00".
std::string format_cost(const Cost& cost);

}  // namespace relevo
