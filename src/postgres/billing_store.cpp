#include "core/json_object.hpp"
#include "postgres/actor_json.hpp"
#include "postgres/ask.hpp"
#include "postgres/money_json.hpp"
#include "postgres/request_stores.hpp"

namespace relevo {
namespace {

JsonObject request_of(const BudgetName& name) {
    JsonObject request;
    request.text("period", name.period);
    if (name.agent) request.number("agent", *name.agent);
    return request;
}

class PostgresBillingStore final : public BillingStore {
  public:
    explicit PostgresBillingStore(Database& database) : database_(database) {}

    Task<std::vector<UsageRow>> usage(TenantId tenant, UsageQuery query) override {
        JsonObject request;
        request.number("limit", query.limit).text("by", query.by == "agent" ? "agent_id" : query.by);
        request.time("since", query.since).time("until", query.until);
        if (query.agent) request.number("agent", *query.agent);
        if (query.conversation) request.id("conversation", *query.conversation);
        if (query.after) request.text("after", *query.after);
        const Json found = co_await ask(database_, "list_usage", tenant, request.str());
        std::vector<UsageRow> rows;
        for (const auto& row : found.items()) rows.push_back({parse_usage(row), row.text("name")});
        co_return rows;
    }

    Task<std::vector<BudgetRow>> budgets(TenantId tenant, SysTime now) override {
        std::string request = JsonObject().time("now", now).str();
        const Json found = co_await ask(database_, "list_budgets", tenant, std::move(request));
        std::vector<BudgetRow> rows;
        for (const auto& row : found.items()) {
            rows.push_back({{number_if_any(row, "agent_id"), row.text("period")}, parse_budget(row)});
        }
        co_return rows;
    }

    Task<std::optional<BudgetLimits>> limits(TenantId tenant, BudgetName name) override {
        const Json found = co_await ask(database_, "get_budget", tenant, request_of(name).str());
        if (found.null()) co_return std::nullopt;
        co_return BudgetLimits{found.text("currency"), number_if_any(found, "hard"),
                               number_if_any(found, "soft")};
    }

    Task<bool> put_budget(TenantId tenant, BudgetName name, BudgetLimits limits, SysTime now,
                          Actor actor) override {
        JsonObject request = request_of(name);
        request.raw("actor", actor_json(actor)).text("currency", limits.currency).time("now", now);
        if (limits.hard) request.number("hard", *limits.hard);
        if (limits.soft) request.number("soft", *limits.soft);
        const Json done = co_await ask(database_, "put_budget", tenant, request.str());
        co_return done.flag();
    }

    Task<bool> remove_budget(TenantId tenant, BudgetName name, Actor actor) override {
        JsonObject request = request_of(name);
        request.raw("actor", actor_json(actor));
        const Json done = co_await ask(database_, "drop_budget", tenant, request.str());
        co_return done.flag();
    }

    Task<PriceList> prices() override {
        const Json found = co_await ask(database_, "list_prices", TenantId{}, "{}");
        co_return parse_price_list(found);
    }

    Task<void> put_prices(PriceList prices, Actor actor) override {
        std::string request = price_list_json(prices).raw("actor", actor_json(actor)).str();
        co_await ask(database_, "apply_prices", TenantId{}, std::move(request));
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<BillingStore> make_billing_store(Database& database) {
    return std::make_unique<PostgresBillingStore>(database);
}

}  // namespace relevo
