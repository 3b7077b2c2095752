#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "domain/money_book.hpp"

namespace relevo {

/// A file of prices: amounts are in the currency's unit, for a million tokens.
///
///   currency: USD
///   prices:
///     - {provider: openai, model: gpt-4o-mini, input: 0.15, cached_input: 0.075, output: 0.60}
///     - {provider: openai, model: "gpt-4o-mini-*", input: 0.15, output: 0.60, from: 2026-01-01}
///
/// A model is named as the agents name it. A * at the end stands for whatever follows, and only where it is
/// written: a name that another begins with is no price of that other one. An exact name goes before a
/// beginning, a longer beginning before a shorter one. `base_url` is for agents that state one. Cached input
/// costs as much as other input where nothing else is said; a price holds `from` (UTC; since ever) `until`
/// (excluded). Mistakes are Error "prices.invalid", with file, line and column.
Result<PriceList> load_prices(const std::filesystem::path& file, const std::vector<std::string>& providers);

}  // namespace relevo
