#include "postgres/money_json.hpp"

namespace relevo {
namespace {

std::string price_json(const Price& price) {
    return JsonObject()
        .text("provider", price.provider)
        .text("base_url", price.base_url)
        .text("model", price.model)
        .time("from", price.from)
        .time("until", price.until)
        .number("input", price.input)
        .number("cached_input", price.cached_input)
        .number("output", price.output)
        .str();
}

Price parse_price(const Json& row) {
    return {row.text("provider"),
            row.text("base_url"),
            row.text("model"),
            row.time("from"),
            row["until"].null() ? std::nullopt : std::optional(row.time("until")),
            row.number("input"),
            row.number("cached_input"),
            row.number("output")};
}

}  // namespace

JsonObject price_list_json(const PriceList& list) {
    std::vector<std::string> items;
    for (const auto& price : list.prices) items.push_back(price_json(price));
    return JsonObject().text("currency", list.currency).raw("prices", json_array(items));
}

PriceList parse_price_list(const Json& rows) {
    PriceList list;
    for (const auto& row : rows.items()) {
        list.currency = row.text("currency");
        list.prices.push_back(parse_price(row));
    }
    return list;
}

UsageLine parse_usage(const Json& row) {
    UsageLine line;
    line.shop = row.text("shop");
    line.key = row.text("key");
    line.calls = row.number("calls");
    line.in_vain = row.number("in_vain");
    line.input_tokens = row.number("input");
    line.cached_tokens = row.number("cached");
    line.output_tokens = row.number("output");
    line.estimated = row.number("estimated");
    line.lost = row.number("lost");
    line.cost.unpriced = row.number("unpriced");
    for (const auto& [currency, amount] : row["cost"].members()) {
        if (!currency.empty()) line.cost.micros[currency] = amount.number();
    }
    return line;
}

std::vector<ModelName> parse_models(const Json& rows) {
    std::vector<ModelName> models;
    for (const auto& row : rows.items())
        models.push_back({row.text("provider"), row.text("base_url"), row.text("model")});
    return models;
}

BudgetLine parse_budget(const Json& row) {
    BudgetLine line;
    line.budget = {row.text("shop"),     row.text("agent"),          row.text("period"),
                   row.text("currency"), number_if_any(row, "hard"), number_if_any(row, "soft")};
    line.from = row.time("from");
    line.until = row.time("until");
    line.spent = row.number("spent");
    line.reserved = row.number("reserved");
    for (const auto& [kind, times] : row["events"].members()) line.events[kind] = times.number();
    line.unpriced = parse_models(row["unpriced"]);
    return line;
}

std::optional<std::int64_t> number_if_any(const Json& row, std::string_view name) {
    return row[name].null() ? std::nullopt : std::optional(row.number(name));
}

}  // namespace relevo
