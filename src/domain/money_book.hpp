#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "domain/money.hpp"

namespace relevo {

/// What a million tokens of a model cost, in micro-units.
struct Price {
    std::string provider;
    std::string base_url;  ///< of agents that state one; empty: the provider's own
    std::string model;     ///< its name, or the beginning of names and a *
    SysTime from{};
    std::optional<SysTime> until{};
    std::int64_t input = 0;
    std::int64_t cached_input = 0;
    std::int64_t output = 0;
    bool operator==(const Price&) const = default;
};

/// A model as agents name it.
struct ModelName {
    std::string provider;
    std::string base_url;  ///< without a slash at its end; empty: the provider's own
    std::string model;
    bool operator==(const ModelName&) const = default;
};

struct PriceList {
    std::string currency;  ///< ISO 4217
    std::vector<Price> prices;
};

/// A limit of a shop, or of one of its agents.
struct BudgetSpec {
    std::string shop;    ///< its slug
    std::string agent;   ///< its name; empty: all of them together
    std::string period;  ///< "day", "month": of the shop's time zone
    std::string currency;
    std::optional<std::int64_t> hard;  ///< no call that could cross it
    std::optional<std::int64_t> soft;  ///< told once when it is reached
};

struct BudgetLine {
    BudgetSpec budget;
    SysTime from{};
    SysTime until{};
    std::int64_t spent = 0;
    std::int64_t reserved = 0;  ///< by calls that run
    /// Of this period: soft, exhausted (calls that were refused), unpriced (as nobody knows their price).
    std::map<std::string, std::int64_t> events;
    /// Of a hard limit: what the agents that it counts ask, their fallbacks too, and what has no price in its
    /// currency. Under it such a model is not asked, unless nobody bills it (AgentMeans::billed).
    std::vector<ModelName> unpriced{};
};

/// Prices and budgets, for the command line: blocks.
class MoneyBook {
  public:
    virtual ~MoneyBook() = default;
    /// All the prices that there are from now on. What was spent stays as it was.
    virtual void apply_prices(const PriceList& prices) = 0;
    /// The currency is empty where there are none.
    virtual PriceList prices() = 0;
    /// The `unpriced` of its line. Throws Failure "shop.unknown", "budget.unknown_agent".
    virtual std::vector<ModelName> set_budget(const BudgetSpec& budget, SysTime now) = 0;
    /// Whether there was one of that shop, agent and period. Throws as set_budget.
    virtual bool remove_budget(const BudgetSpec& budget) = 0;
};

struct UsageRequest {
    std::string tenant;  ///< a slug; empty: all
    std::optional<SysTime> since;
    std::string by;  ///< agent, conversation, model, day; empty: a shop's calls together
};

struct UsageLine {
    std::string shop;
    std::string key;  ///< what `by` asks for
    std::int64_t calls = 0;
    std::int64_t in_vain = 0;  ///< gave no answer
    std::int64_t input_tokens = 0;
    std::int64_t cached_tokens = 0;  ///< of them
    std::int64_t output_tokens = 0;
    std::int64_t estimated = 0;  ///< calls whose provider told no figures
    std::int64_t lost = 0;       ///< calls whose end nobody told: each may have been billed
    Cost cost;
};

/// What was spent, and what may be, of all shops: read as the operator.
class UsageBook {
  public:
    virtual ~UsageBook() = default;
    /// Throws Failure "shop.unknown".
    virtual std::vector<UsageLine> usage(const UsageRequest& request) = 0;
    virtual std::vector<BudgetLine> budgets(const std::string& tenant, SysTime now) = 0;
};

}  // namespace relevo
