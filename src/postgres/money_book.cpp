#include "postgres/money_book.hpp"

#include "core/await.hpp"
#include "core/json_object.hpp"
#include "domain/shop.hpp"
#include "postgres/json.hpp"
#include "postgres/operator_session.hpp"
#include "postgres/shop_names.hpp"

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

std::optional<std::int64_t> number_if_any(const Json& row, std::string_view name) {
    return row[name].null() ? std::nullopt : std::optional(row.number(name));
}

class PostgresMoneyBook final : public MoneyBook {
  public:
    explicit PostgresMoneyBook(DatabaseConfig config) : database_(std::move(config)) {}

    void apply_prices(const PriceList& list) override {
        std::vector<std::string> items;
        for (const auto& price : list.prices) items.push_back(price_json(price));
        call("apply_prices", TenantId{},
             JsonObject().text("currency", list.currency).raw("prices", json_array(items)).str());
    }

    PriceList prices() override {
        PriceList list;
        for (const auto& row : call("list_prices", TenantId{}, "{}").items()) {
            list.currency = row.text("currency");
            list.prices.push_back(parse_price(row));
        }
        return list;
    }

    void set_budget(const BudgetSpec& budget, SysTime now) override {
        JsonObject request = name_of(budget);
        request.text("currency", budget.currency).time("now", now);
        if (budget.hard) request.number("hard", *budget.hard);
        if (budget.soft) request.number("soft", *budget.soft);
        const TenantId tenant = tenant_of(budget.shop);
        if (call("set_budget", tenant, request.str()).text() == "unknown") {
            throw Failure({Fault::permanent, "budget.unknown_agent",
                           budget.shop + " has no agent '" + budget.agent + "'"});
        }
    }

    bool remove_budget(const BudgetSpec& budget) override {
        return call("remove_budget", tenant_of(budget.shop), name_of(budget).str()).flag();
    }

  private:
    static JsonObject name_of(const BudgetSpec& budget) {
        JsonObject request;
        request.text("period", budget.period).text_if_any("agent", budget.agent);
        return request;
    }

    TenantId tenant_of(const std::string& slug) { return await(require_shop(database_, slug)); }

    Json call(std::string op, TenantId tenant, std::string request) {
        return Json::parse(await(database_.call(std::move(op), tenant, std::move(request))));
    }

    Database database_;
};

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

BudgetLine parse_budget(const Json& row) {
    BudgetLine line;
    line.budget = {row.text("shop"),     row.text("agent"),          row.text("period"),
                   row.text("currency"), number_if_any(row, "hard"), number_if_any(row, "soft")};
    line.from = row.time("from");
    line.until = row.time("until");
    line.spent = row.number("spent");
    line.reserved = row.number("reserved");
    for (const auto& [kind, times] : row["events"].members()) line.events[kind] = times.number();
    return line;
}

class PostgresUsageBook final : public UsageBook {
  public:
    explicit PostgresUsageBook(const OperatorUrls& urls) : session_(urls.plain, operator_setting) {}

    std::vector<UsageLine> usage(const UsageRequest& request) override {
        const Json found = session_.ask("usage", JsonObject()
                                                     .text_if_any("tenant", request.tenant)
                                                     .text_if_any("by", request.by)
                                                     .time("since", request.since)
                                                     .str());
        if (!found.flag("known")) throw unknown_shop(request.tenant);
        std::vector<UsageLine> lines;
        for (const auto& row : found["lines"].items()) lines.push_back(parse_usage(row));
        return lines;
    }

    std::vector<BudgetLine> budgets(const std::string& tenant, SysTime now) override {
        const Json found =
            session_.ask("budgets", JsonObject().text_if_any("tenant", tenant).time("now", now).str());
        std::vector<BudgetLine> lines;
        for (const auto& row : found.items()) lines.push_back(parse_budget(row));
        return lines;
    }

  private:
    OperatorSession session_;
};

}  // namespace

std::unique_ptr<MoneyBook> make_money_book(DatabaseConfig config) {
    return std::make_unique<PostgresMoneyBook>(std::move(config));
}

std::unique_ptr<UsageBook> make_usage_book(const OperatorUrls& urls) {
    return std::make_unique<PostgresUsageBook>(urls);
}

}  // namespace relevo
