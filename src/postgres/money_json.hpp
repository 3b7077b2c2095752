#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_object.hpp"
#include "domain/money_book.hpp"
#include "postgres/json.hpp"

namespace relevo {

// What operations of money take and give.

/// The request of apply_prices.
JsonObject price_list_json(const PriceList& list);
/// The result of list_prices.
PriceList parse_price_list(const Json& rows);
/// A row of usage_lines.
UsageLine parse_usage(const Json& row);
/// What unpriced_models gives.
std::vector<ModelName> parse_models(const Json& rows);
/// A row of budgets.
BudgetLine parse_budget(const Json& row);
std::optional<std::int64_t> number_if_any(const Json& row, std::string_view name);

}  // namespace relevo
