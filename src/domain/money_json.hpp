#pragma once

#include <string>
#include <vector>

#include "core/json_object.hpp"
#include "domain/money_book.hpp"

namespace relevo {

// Money as the API and the command line's --json tell it: whole millionths of a currency's unit, in members
// that say so (*_micros), with the currency beside them.

/// {"amounts": [{"currency", "amount_micros"}], "unpriced_calls"}
std::string cost_json(const Cost& cost);
/// calls, failed_calls, estimated_calls, lost_calls, their tokens, and their cost.
void add_usage(JsonObject& object, const UsageLine& line);
/// input_micros, cached_input_micros, output_micros.
void add_amounts(JsonObject& object, const Price& price);
/// period, currency, and those that there are of hard_micros and soft_micros.
void add_limits(JsonObject& object, const BudgetSpec& budget);
/// spent_micros, reserved_micros, and what became of it in the period: soft_reached, refused_calls,
/// unpriced_calls.
void add_spent(JsonObject& object, const BudgetLine& line);
/// [{"provider", "base_url" where it is one of its own, "model"}]
std::string models_json(const std::vector<ModelName>& models);

}  // namespace relevo
