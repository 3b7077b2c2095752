#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/ids.hpp"
#include "core/task.hpp"
#include "domain/identity_stores.hpp"
#include "domain/money_book.hpp"

namespace relevo {

// What a shop's people read and set of its money. Calls throw as those of PeopleStore do.

/// What is nothing, or empty, chooses all.
struct UsageQuery {
    std::string by = {};  ///< agent, conversation, turn, model, day; shop: all calls together
    std::optional<SysTime> since = std::nullopt;
    std::optional<SysTime> until = std::nullopt;
    std::optional<std::int64_t> agent = std::nullopt;
    std::optional<ConversationId> conversation = std::nullopt;
    std::optional<std::string> after = std::nullopt;  ///< the key that the last page ended with
    int limit = 100;                                  ///< at most 1,000
};

struct UsageRow {
    UsageLine line;    ///< of an agent the key is its id
    std::string name;  ///< of an agent
};

/// Of the whole shop, or of one agent.
struct BudgetName {
    std::optional<std::int64_t> agent;
    std::string period;  ///< "day", "month": of the shop's time zone
    bool operator==(const BudgetName&) const = default;
};

struct BudgetLimits {
    std::string currency;  ///< ISO 4217
    std::optional<std::int64_t> hard;
    std::optional<std::int64_t> soft;
};

struct BudgetRow {
    BudgetName name;
    BudgetLine line;
};

class BillingStore {
  public:
    virtual ~BillingStore() = default;
    /// By key.
    virtual Task<std::vector<UsageRow>> usage(TenantId tenant, UsageQuery query) = 0;
    /// All of the shop's, with what is spent of them.
    virtual Task<std::vector<BudgetRow>> budgets(TenantId tenant, SysTime now) = 0;
    /// What was set, which calls do not change.
    virtual Task<std::optional<BudgetLimits>> limits(TenantId tenant, BudgetName name) = 0;
    /// False where there is no such agent.
    virtual Task<bool> put_budget(TenantId tenant, BudgetName name, BudgetLimits limits, SysTime now,
                                  Actor actor) = 0;
    /// Whether there was one.
    virtual Task<bool> remove_budget(TenantId tenant, BudgetName name, Actor actor) = 0;
    /// The installation's.
    virtual Task<PriceList> prices() = 0;
    /// All that there are from now on.
    virtual Task<void> put_prices(PriceList prices, Actor actor) = 0;
};

}  // namespace relevo
