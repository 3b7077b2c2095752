#include <algorithm>

#include "tests/simulation/sim_database.hpp"

namespace relevo {
namespace {

constexpr std::int64_t million = 1'000'000;

std::int64_t cost_of(const SimPrice& price, const Usage& usage) {
    const std::int64_t cached = std::min(usage.cached_tokens, usage.input_tokens);
    const std::int64_t sum = (usage.input_tokens - cached) * price.input + cached * price.cached +
                             usage.output_tokens * price.output;
    return (sum + million - 1) / million;
}

std::pair<SysTime, SysTime> period_of(const std::string& period, SysTime moment) {
    using namespace std::chrono;
    const auto day = floor<days>(moment);
    if (period == "day") return {SysTime(day), SysTime(day + days{1})};
    const year_month_day date(day);
    const auto month = date.year() / date.month();
    return {SysTime(sys_days(month / 1)), SysTime(sys_days((month + months{1}) / 1))};
}

SimCalls::iterator newest(SimCalls& calls, TurnId turn, int step, SimCall::Status unlike,
                          std::optional<SimCall::Status> like = {}) {
    auto found = calls.end();
    for (auto it = calls.lower_bound({turn, step, 0}); it != calls.end(); ++it) {
        const auto& [of, number, attempt] = it->first;
        if (of != turn || number != step) break;
        if (it->second.status == unlike || (like && it->second.status != *like)) continue;
        found = it;
    }
    return found;
}

}  // namespace

bool counts_in(const SimBudget& budget, const SimCall& call) {
    return call.price && call.reserved_at >= budget.starts && call.reserved_at < budget.ends;
}

std::optional<SimPrice> SimDatabase::price_of(const std::string& model) const {
    const SimPrice* best = nullptr;
    for (const auto& price : prices) {
        if (price.model == model) return price;
        const bool begins =
            price.model.ends_with('*') && model.starts_with(price.model.substr(0, price.model.size() - 1));
        if (begins && (!best || price.model.size() > best->model.size())) best = &price;
    }
    return best ? std::optional(*best) : std::nullopt;
}

void SimDatabase::begin_period(SimTenant& tenant, SimBudget& budget, SysTime now) {
    std::tie(budget.starts, budget.ends) = period_of(budget.period, now);
    budget.spent = budget.reserved = 0;
    for (const auto& [key, call] : tenant.calls) {
        if (!counts_in(budget, call)) continue;
        if (call.status == SimCall::Status::settled) budget.spent += call.cost.value_or(0);
        if (call.status == SimCall::Status::open) budget.reserved += call.reserved;
    }
    if (budget.soft && budget.spent > 0 && budget.spent >= *budget.soft)
        budget.events[{budget.starts, "soft"}] = 1;
}

void SimDatabase::set_budget(TenantId tenant_id, const std::string& period, std::optional<std::int64_t> hard,
                             std::optional<std::int64_t> soft, SysTime now) {
    counts_money = true;
    SimTenant& tenant = tenants[tenant_id];
    auto found = std::ranges::find(tenant.budgets, period, &SimBudget::period);
    if (found == tenant.budgets.end()) {
        found = tenant.budgets.emplace(tenant.budgets.end());
        found->period = period;
    }
    found->hard = hard;
    found->soft = soft;
    begin_period(tenant, *found, now);
}

void SimDatabase::hold_budgets(SimTenant& tenant, SysTime now) {
    for (auto& budget : tenant.budgets) {
        if (now >= budget.ends) begin_period(tenant, budget, now);
    }
}

void SimDatabase::count_call(SimTenant& tenant, const SimCall& call, std::int64_t reserved,
                             std::int64_t spent) {
    for (auto& budget : tenant.budgets) {
        if (!counts_in(budget, call)) continue;
        budget.reserved += reserved;
        budget.spent += spent;
    }
}

void SimDatabase::release_calls(SimTenant& tenant, SysTime now) {
    for (auto& [key, call] : tenant.calls) {
        if (call.status != SimCall::Status::open || call.expires > now) continue;
        count_call(tenant, call, -call.reserved, 0);
        call.status = SimCall::Status::released;
    }
}

CallReservation::State SimDatabase::verdict(const SimBudget& budget, std::int64_t asked,
                                            std::int64_t mine) const {
    if (budget.spent + asked > *budget.hard) return CallReservation::State::refused;
    if (budget.spent + budget.reserved - mine + asked > *budget.hard) return CallReservation::State::wait;
    return CallReservation::State::granted;
}

CallReservation SimDatabase::reserve_call(TenantId tenant_id, TurnId turn, int step, const PlannedCall& asked,
                                          SysTime now) {
    SimTenant& tenant = tenants[tenant_id];
    hold_budgets(tenant, now);
    release_calls(tenant, now);
    if (!tenant.turns.contains(turn)) return {CallReservation::State::refused, "erased", {}};
    SimCall made;
    made.model = asked.model;
    made.free = asked.free;
    if (!made.free) made.price = price_of(asked.model);
    if (made.price) {
        SimPrice most = *made.price;
        most.input = std::max(most.input, most.cached);
        made.reserved = cost_of(most, {asked.input_tokens, asked.output_tokens, false});
    }
    made.reserved_at = now;
    for (const auto& budget : tenant.budgets) made.reserved_at = std::max(made.reserved_at, budget.starts);
    made.expires = now + reservation_lease;
    const auto before = newest(tenant.calls, turn, step, SimCall::Status::settled, SimCall::Status::open);

    CallReservation out;
    const auto refuse = [&](CallReservation refused) {
        if (out.state != CallReservation::State::refused) out = std::move(refused);
    };
    for (auto& budget : tenant.budgets) {
        if (!budget.hard || made.free || (made.price && made.reserved == 0)) continue;
        const bool mine = before != tenant.calls.end() && counts_in(budget, before->second);
        if (!made.price) {
            refuse({CallReservation::State::refused, "unpriced", {}});
            ++budget.events[{budget.starts, "unpriced"}];
            continue;
        }
        switch (verdict(budget, made.reserved, mine ? before->second.reserved : 0)) {
            case CallReservation::State::refused:
                refuse({CallReservation::State::refused,
                        "exhausted",
                        {budget.period, *budget.hard, budget.spent, made.reserved, "USD"}});
                ++budget.events[{budget.starts, "exhausted"}];
                break;
            case CallReservation::State::wait:
                if (out.state == CallReservation::State::granted) out.state = CallReservation::State::wait;
                break;
            case CallReservation::State::granted:
                break;
        }
    }
    if (out.state != CallReservation::State::granted) return out;
    if (before != tenant.calls.end()) {
        count_call(tenant, before->second, -before->second.reserved, 0);
        made.cut_off = before->second.cut_off + 1;
        before->second = made;
        out.attempt = std::get<2>(before->first);
    } else {
        out.attempt = 1;
        while (tenant.calls.contains({turn, step, out.attempt})) ++out.attempt;
        tenant.calls[{turn, step, out.attempt}] = made;
    }
    count_call(tenant, made, made.reserved, 0);
    out.bounded = made.price && made.price->output > 0 &&
                  std::ranges::any_of(tenant.budgets, [](const auto& it) { return it.hard.has_value(); });
    return out;
}

bool SimDatabase::settle_call(TenantId tenant_id, TurnId turn, int step, const std::string& code,
                              const Usage& usage, SysTime now, int attempt) {
    SimTenant& tenant = tenants[tenant_id];
    hold_budgets(tenant, now);
    const auto found = attempt > 0 ? tenant.calls.find({turn, step, attempt})
                                   : newest(tenant.calls, turn, step, SimCall::Status::settled);
    if (found == tenant.calls.end() || found->second.status == SimCall::Status::settled) return false;
    SimCall& call = found->second;
    call.late = call.status == SimCall::Status::released;
    call.status = SimCall::Status::settled;
    call.code = code;
    call.usage = usage;
    if (call.free || (usage.input_tokens == 0 && usage.output_tokens == 0)) {
        call.cost = 0;
    } else if (call.price) {
        call.cost = cost_of(*call.price, usage);
    }
    count_call(tenant, call, call.late ? 0 : -call.reserved, call.cost.value_or(0));
    for (auto& budget : tenant.budgets) {
        if (budget.soft && budget.spent >= *budget.soft && counts_in(budget, call))
            budget.events[{budget.starts, "soft"}] = 1;
    }
    return true;
}

void SimDatabase::settle_answer(TenantId tenant_id, TurnId turn, int step, const Completion& completion,
                                SysTime now) {
    if (settle_call(tenant_id, turn, step, "", completion.usage, now, completion.attempt)) return;
    if (completion.attempt > 0) return;
    SimTenant& tenant = tenants[tenant_id];
    const auto found = tenant.turns.find(turn);
    if (found == tenant.turns.end()) return;
    const auto known = found->second.steps.find(step);
    if (known != found->second.steps.end() && known->second.answered) return;
    // a process of the version before reserves nothing
    SimCall made;
    made.status = SimCall::Status::released;
    made.model = completion.model;
    if (completion.provider == "sim") made.price = price_of(completion.model);
    made.reserved_at = made.expires = now;
    for (const auto& budget : tenant.budgets) made.reserved_at = std::max(made.reserved_at, budget.starts);
    int attempt = 1;
    while (tenant.calls.contains({turn, step, attempt})) ++attempt;
    tenant.calls[{turn, step, attempt}] = made;
    settle_call(tenant_id, turn, step, "", completion.usage, now, attempt);
}

}  // namespace relevo
