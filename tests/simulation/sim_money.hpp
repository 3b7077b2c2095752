#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "domain/budgets.hpp"
#include "domain/model.hpp"
#include "domain/stores.hpp"

namespace relevo {

// What models cost and shops may spend, as the migrations keep it: one currency, and every shop in UTC.

/// Micro-units for a million tokens. `model` is a name, or the beginning of names and a *.
struct SimPrice {
    std::string model;
    std::int64_t input = 0;
    std::int64_t cached = 0;
    std::int64_t output = 0;
};

struct SimCall {
    enum class Status { open, settled, released } status = Status::open;
    std::string model;
    bool free = false;
    std::optional<SimPrice> price;
    std::int64_t reserved = 0;
    SysTime reserved_at{};
    SysTime expires{};
    int cut_off = 0;
    std::string code;
    Usage usage;
    std::optional<std::int64_t> cost;
    bool late = false;  ///< settled after it was released: what it took was nobody's to keep back
};

struct SimBudget {
    std::string period;  ///< "day", "month"
    std::optional<std::int64_t> hard;
    std::optional<std::int64_t> soft;
    SysTime starts{};
    SysTime ends{};
    std::int64_t spent = 0;
    std::int64_t reserved = 0;
    std::map<std::pair<SysTime, std::string>, std::int64_t> events;  ///< by the period's start and kind
};

/// By turn, step and attempt.
using SimCalls = std::map<std::tuple<TurnId, int, int>, SimCall>;

bool counts_in(const SimBudget& budget, const SimCall& call);

}  // namespace relevo
