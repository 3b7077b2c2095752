#include <algorithm>

#include "api/list.hpp"

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
    object.text("scope", scope_of(name)).text("period", name.period).text("currency", limits.currency);
    if (limits.hard) object.number("hard", *limits.hard);
    if (limits.soft) object.number("soft", *limits.soft);
    return object;
}

JsonObject limits_json(const BudgetRow& row) {
    const BudgetSpec& spec = row.line.budget;
    return limits_json(row.name, {spec.currency, spec.hard, spec.soft});
}

std::string json_of(const BudgetRow& row) {
    JsonObject object = limits_json(row);
    object.text_if_any("agent", row.line.budget.agent);
    add_time(object, "from", row.line.from);
    add_time(object, "until", row.line.until);
    object.number("spent", row.line.spent).number("reserved", row.line.reserved);
    const auto times = [&](const std::string& kind) {
        const auto found = row.line.events.find(kind);
        return found == row.line.events.end() ? std::int64_t{0} : found->second;
    };
    object.flag("soft_reached", times("soft") > 0);
    object.number("refused_calls", times("exhausted")).number("unpriced_calls", times("unpriced"));
    return object.str();
}

std::string label(const ApiCall& call) {
    return std::string(call.parameter("scope")) + "/" + std::string(call.parameter("period"));
}

Problem none(const ApiCall& call) {
    return not_found("Budget", label(call));
}

Task<ApiResult> list(ApiCall& call) {
    auto asked = call.stores.billing().budgets(call.tenant(), call.now);
    auto rows = co_await std::move(asked);
    co_return page_of_all(call, std::move(rows), json_of, place_of, std::less<>());
}

// Its ETag is that of the limits: what is spent changes with each call, and nobody's change is based on it.
Task<ApiResult> read(ApiCall& call) {
    auto asked = call.stores.billing().budgets(call.tenant(), call.now);
    const auto rows = co_await std::move(asked);
    const auto found = std::ranges::find(rows, name_of(call), &BudgetRow::name);
    if (found == rows.end()) co_return none(call);
    co_return Answer{.body = json_of(*found), .etag = etag_of(limits_json(*found).str())};
}

Task<ApiResult> put(ApiCall& call) {
    const BudgetName name = name_of(call);
    BudgetLimits wanted{call.body.text("currency"), call.body.whole_if_any("hard"),
                        call.body.whole_if_any("soft")};
    auto listed = call.stores.billing().prices();
    const auto prices = co_await std::move(listed);
    if (!prices.currency.empty() && wanted.currency != prices.currency) {
        co_return bad_member("#/currency",
                             "models' prices are in " + prices.currency +
                                 ": of a budget in another currency nobody knows what is spent");
    }
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
    auto read_back = read(call);
    co_return co_await std::move(read_back);
}

Task<ApiResult> remove(ApiCall& call) {
    auto asked = call.stores.billing().remove_budget(call.tenant(), name_of(call), call.actor());
    const bool was_there = co_await std::move(asked);
    if (!was_there) co_return none(call);
    co_return Answer{.status = 204};
}

}  // namespace

void add_budget_handlers(ApiHandlers& handlers) {
    handlers["list_budgets"] = list;
    handlers["read_budget"] = read;
    handlers["put_budget"] = put;
    handlers["remove_budget"] = remove;
}

}  // namespace relevo
