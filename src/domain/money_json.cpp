#include "domain/money_json.hpp"

namespace relevo {

std::string cost_json(const Cost& cost) {
    std::vector<std::string> amounts;
    for (const auto& [currency, micros] : cost.micros)
        amounts.push_back(JsonObject().text("currency", currency).number("amount_micros", micros).str());
    return JsonObject().raw("amounts", json_array(amounts)).number("unpriced_calls", cost.unpriced).str();
}

void add_usage(JsonObject& object, const UsageLine& line) {
    object.number("calls", line.calls)
        .number("failed_calls", line.in_vain)
        .number("estimated_calls", line.estimated)
        .number("lost_calls", line.lost)
        .number("input_tokens", line.input_tokens)
        .number("cached_input_tokens", line.cached_tokens)
        .number("output_tokens", line.output_tokens)
        .raw("cost", cost_json(line.cost));
}

void add_amounts(JsonObject& object, const Price& price) {
    object.number("input_micros", price.input)
        .number("cached_input_micros", price.cached_input)
        .number("output_micros", price.output);
}

void add_limits(JsonObject& object, const BudgetSpec& budget) {
    object.text("period", budget.period).text("currency", budget.currency);
    if (budget.hard) object.number("hard_micros", *budget.hard);
    if (budget.soft) object.number("soft_micros", *budget.soft);
}

void add_spent(JsonObject& object, const BudgetLine& line) {
    const auto times = [&](const std::string& kind) {
        const auto found = line.events.find(kind);
        return found == line.events.end() ? std::int64_t{0} : found->second;
    };
    object.number("spent_micros", line.spent)
        .number("reserved_micros", line.reserved)
        .flag("soft_reached", times("soft") > 0)
        .number("refused_calls", times("exhausted"))
        .number("unpriced_calls", times("unpriced"));
}

std::string models_json(const std::vector<ModelName>& models) {
    std::vector<std::string> items;
    for (const auto& it : models) {
        items.push_back(JsonObject()
                            .text("provider", it.provider)
                            .text_if_any("base_url", it.base_url)
                            .text("model", it.model)
                            .str());
    }
    return json_array(items);
}

}  // namespace relevo
