#include <fmt/format.h>

#include <algorithm>

#include "tests/simulation/sim_database.hpp"

namespace relevo {
namespace {

// Told again from the calls, whatever the budget's row says.
struct Sums {
    std::int64_t spent = 0;
    std::int64_t reserved = 0;
    std::int64_t late = 0;  // of calls that ran longer than any may: nobody kept anything back for them
};

Sums sums_of(const SimTenant& tenant, const SimBudget& budget) {
    Sums sums;
    for (const auto& [key, call] : tenant.calls) {
        if (!counts_in(budget, call)) continue;
        if (call.status == SimCall::Status::open) sums.reserved += call.reserved;
        if (call.status != SimCall::Status::settled) continue;
        sums.spent += call.cost.value_or(0);
        if (call.late) sums.late += call.cost.value_or(0);
    }
    return sums;
}

}  // namespace

void SimDatabase::check_reservation(TenantId tenant_id, const CallReservation& answer) {
    const SimTenant& tenant = tenants[tenant_id];
    bool exhausted = false;
    for (const auto& budget : tenant.budgets) {
        if (!budget.hard) continue;
        const Sums sums = sums_of(tenant, budget);
        if (sums.spent + sums.reserved - sums.late > *budget.hard) {
            money_problems.push_back(fmt::format("a budget of {} has {} spent and {} reserved", *budget.hard,
                                                 sums.spent, sums.reserved));
        }
        exhausted = exhausted || sums.spent + answer.spent.asked > *budget.hard;
    }
    if (answer.state == CallReservation::State::refused && answer.reason == "exhausted" && !exhausted)
        money_problems.push_back("a call was refused while money was left");
}

void SimDatabase::check_money() {
    for (const auto& [id, tenant] : tenants) {
        for (const auto& budget : tenant.budgets) {
            const Sums sums = sums_of(tenant, budget);
            if (sums.spent != budget.spent || sums.reserved != budget.reserved) {
                money_problems.push_back(
                    fmt::format("a budget says {} spent and {} reserved, its calls {} and {}", budget.spent,
                                budget.reserved, sums.spent, sums.reserved));
            }
            if (budget.hard && sums.spent - sums.late > *budget.hard)
                money_problems.push_back(fmt::format("{} of {} are spent", sums.spent, *budget.hard));
        }
    }
}

}  // namespace relevo
