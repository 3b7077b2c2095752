#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.hpp"
#include "domain/money.hpp"

namespace relevo {

/// How long a reservation stands whose holder says nothing: longer than a handler may run (the pipeline's
/// stuck_after of 110 s), so that no call that still runs loses its own.
inline constexpr Millis reservation_lease{150'000};

/// A model call that is to be made, at the most that it can take.
struct PlannedCall {
    std::string provider;
    std::string base_url;  ///< as the agent states it; empty: the provider's own
    std::string model;
    bool free = false;  ///< nobody bills it: the provider needs no key
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
};

/// Why a call may not be made, where one limit says so.
struct SpentBudget {
    std::string period;  ///< "day", "month"
    std::int64_t hard = 0;
    std::int64_t spent = 0;
    std::int64_t asked = 0;
    std::string currency;
};

/// May this call be made?
struct CallReservation {
    /// granted  nobody else can spend what it may take, until it is settled or the lease is over
    /// wait     open calls may yet leave room for it: ask again
    /// refused  `reason` exhausted: what is spent leaves no room, `spent` says of which budget; unpriced: a
    ///          limit counts it and nobody knows its price; erased: there is no such turn
    enum class State { granted, wait, refused } state = State::granted;
    std::string reason;
    SpentBudget spent;
    int attempt = 0;       ///< which of the step's calls it is, where it was granted
    bool bounded = false;  ///< a hard limit counts what its answer costs
};

}  // namespace relevo
