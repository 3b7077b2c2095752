#pragma once

#include "process/shared.hpp"

namespace relevo {

/// Sweeps away what the shops no longer keep, every six hours, in one process of all. Never ends, unless by
/// an error that is not PostgreSQL's.
Task<void> keep_retention(Shared& shared);

}  // namespace relevo
