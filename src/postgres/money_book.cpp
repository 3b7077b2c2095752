#include "postgres/money_book.hpp"

#include "core/await.hpp"
#include "core/json_object.hpp"
#include "domain/shop.hpp"
#include "postgres/json.hpp"
#include "postgres/money_json.hpp"
#include "postgres/operator_session.hpp"
#include "postgres/shop_names.hpp"

namespace relevo {
namespace {

class PostgresMoneyBook final : public MoneyBook {
  public:
    explicit PostgresMoneyBook(DatabaseConfig config) : database_(std::move(config)) {}

    void apply_prices(const PriceList& list) override {
        call("apply_prices", TenantId{}, price_list_json(list).str());
    }

    PriceList prices() override { return parse_price_list(call("list_prices", TenantId{}, "{}")); }

    std::vector<ModelName> set_budget(const BudgetSpec& budget, SysTime now) override {
        JsonObject request = name_of(budget);
        request.text("currency", budget.currency).time("now", now);
        if (budget.hard) request.number("hard", *budget.hard);
        if (budget.soft) request.number("soft", *budget.soft);
        const TenantId tenant = tenant_of(budget.shop);
        const Json done = call("set_budget", tenant, request.str());
        if (done.text() == "unknown") {
            throw Failure({Fault::permanent, "budget.unknown_agent",
                           budget.shop + " has no agent '" + budget.agent + "'"});
        }
        return parse_models(done);
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
