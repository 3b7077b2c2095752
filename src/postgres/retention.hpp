#pragma once

#include <cstdint>

#include "core/clock.hpp"
#include "core/task.hpp"
#include "postgres/database.hpp"

namespace relevo {

/// Whether the caller is to sweep now: of all that ask, one is told so, once in `every`.
Task<bool> take_sweep(Database& database, SysTime now, Millis every);

/// Gives back what the tenant's calls reserved of which nobody told the end in time, where no other call
/// does.
Task<void> release_calls(Database& database, SysTime now, TenantId tenant);

struct Forgotten {
    std::int64_t messages = 0;
    std::int64_t archived = 0;
    std::int64_t letters = 0;
};
/// Deletes what is older than the tenant keeps it: messages and what became of them, archived parts of
/// webhooks, dead letters. In steps of some hundred rows each, `pause` apart.
Task<Forgotten> forget_old(Database& database, Clock& clock, TenantId tenant, Millis pause);

}  // namespace relevo
