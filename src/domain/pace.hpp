#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/rate.hpp"
#include "core/task.hpp"

namespace relevo {

/// A limit that a provider sets, as one bucket of it: an account's, a recipient's.
struct PaceBucket {
    std::string key;  ///< unique in the installation; what is taken from at once has one "{…}" in common
    Rate rate;
};

/// Hands out the moments at which something may be sent, so that no limit is passed, whoever sends.
class Pace {
  public:
    virtual ~Pace() = default;
    /// Takes one slot from all buckets together. Gives how long to wait for it. A wait longer than `patience`
    /// is only an estimate: nothing was taken. Never throws, and answers within half a second: a counter that
    /// is away is replaced by a guess.
    virtual Task<Millis> take(std::vector<PaceBucket> buckets, Millis patience) = 0;
};

}  // namespace relevo
