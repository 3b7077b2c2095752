#include <algorithm>

#include "api/list.hpp"
#include "domain/money_json.hpp"

namespace relevo {
namespace {

constexpr std::string_view whole_shop = "shop";

std::string scope_of(const BudgetName& name) {
    return name.agent ? std::to_string(*name.agent) : std::string(whole_shop);
}

std::string place_of(const BudgetRow& row) {
    return scope_of(row.name) + "/" + row.name.period;
}

BudgetName name_of(const ApiCall& call) {
    BudgetName name;
    name.period = call.parameter("period");
    if (call.parameter("scope") != whole_shop) name.agent = call.whole("scope", 0);
    return name;
}

JsonObject limits_json(const BudgetName& name, const BudgetLimits& limits) {
    JsonObject object;
    object.text("scope", scope_of(name));
    add_limits(object, {{}, {}, name.period, limits.currency, limits.hard, limits.soft});
    return object;
}

JsonObject limits_json(const BudgetRow& row) {
    const BudgetSpec& spec = row.line.budget;
    return limits_json(row.name, {spec.currency, spec.hard, spec.soft});
}

std::string json_of(const BudgetRow& row, const AgentMeans& means) {
    JsonObject object = limits_json(row);
    object.text_if_any("agent", row.line.budget.agent);
    add_time(object, "from", row.line.from);
    add_time(object, "until", row.line.until);
    add_spent(object, row.line);
    return object.raw("unpriced", models_json(means.billed(row.line.unpriced))).str();
}

std::string label(const ApiCall& call) {
    return std::string(call.parameter("scope")) + "/" + std::string(call.parameter("period"));
}

Problem none(const ApiCall& call) {
    return not_found("Budget", label(call));
}

ApiHandler list(const AgentMeans& means) {
    return [means](ApiCall& call) -> Task<ApiResult> {
        auto asked = call.stores.billing().budgets(call.tenant(), call.now);
        auto rows = co_await std::move(asked);
        co_return page_of_all(
            call, std::move(rows), [&](const BudgetRow& row) { return json_of(row, means); }, place_of,
            std::less<>());
    };
}

// Its ETag is that of the limits: what is spent changes with each call, and nobody's change is based on it.
Task<ApiResult> answer_with(ApiCall& call, const AgentMeans& means) {
    auto asked = call.stores.billing().budgets(call.tenant(), call.now);
    const auto rows = co_await std::move(asked);
    const auto found = std::ranges::find(rows, name_of(call), &BudgetRow::name);
    if (found == rows.end()) co_return none(call);
    co_return Answer{.body = json_of(*found, means), .etag = etag_of(limits_json(*found).str())};
}

ApiHandler read(const AgentMeans& means) {
    return [means](ApiCall& call) -> Task<ApiResult> {
        auto answered = answer_with(call, means);
        co_return co_await std::move(answered);
    };
}

// Nothing where the limits can hold.
Task<std::optional<Problem>> check_limits(ApiCall& call, const BudgetLimits& wanted) {
    if (wanted.hard && wanted.soft && *wanted.soft > *wanted.hard) {
        co_return bad_member("#/soft_micros",
                             "is above `hard_micros`, so that it would never be reached; state at most that");
    }
    auto listed = call.stores.billing().prices();
    const auto prices = co_await std::move(listed);
    if (!prices.currency.empty() && wanted.currency != prices.currency) {
        co_return bad_member("#/currency",
                             "models' prices are in " + prices.currency +
                                 ": of a budget in another currency nobody knows what is spent");
    }
    co_return std::nullopt;
}

Task<ApiResult> set(ApiCall& call, const AgentMeans& means) {
    const BudgetName name = name_of(call);
    BudgetLimits wanted{call.body.text("currency"), call.body.whole_if_any("hard_micros"),
                        call.body.whole_if_any("soft_micros")};
    auto checked = check_limits(call, wanted);
    if (auto problem = co_await std::move(checked)) co_return std::move(*problem);
    call.stores.hold();
    auto asked = call.stores.billing().limits(call.tenant(), name);
    const auto before = co_await std::move(asked);
    std::optional<std::string> base;
    if (before) base = limits_json(name, *before).str();
    if (auto problem = check_base(call, base, "Budget", label(call))) co_return std::move(*problem);
    auto changed =
        call.stores.billing().put_budget(call.tenant(), name, std::move(wanted), call.now, call.actor());
    const bool done = co_await std::move(changed);
    if (!done) co_return not_found("Agent", scope_of(name));
    auto read_back = answer_with(call, means);
    co_return co_await std::move(read_back);
}

ApiHandler put(const AgentMeans& means) {
    return [means](ApiCall& call) -> Task<ApiResult> {
        auto done = set(call, means);
        co_return co_await std::move(done);
    };
}

Task<ApiResult> remove(ApiCall& call) {
    auto asked = call.stores.billing().remove_budget(call.tenant(), name_of(call), call.actor());
    const bool was_there = co_await std::move(asked);
    if (!was_there) co_return none(call);
    co_return Answer{.status = 204};
}

}  // namespace

void add_budget_handlers(ApiHandlers& handlers, const AgentMeans& means) {
    handlers["list_budgets"] = list(means);
    handlers["read_budget"] = read(means);
    handlers["put_budget"] = put(means);
    handlers["remove_budget"] = remove;
}

}  // namespace relevo
