#pragma once

#include <string>
#include <variant>
#include <vector>

#include "core/clock.hpp"
#include "core/record.hpp"

namespace relevo {

/// A record that re-enters its topic at a later time.
struct Timer {
    SysTime due;
    Record record;
};

/// Published before the input is settled.
struct Emit {
    std::vector<Record> records;
};

/// Nothing follows. The reason is from a finite set, counted and logged: a drop is never silent.
struct Drop {
    std::string reason;
};

/// Becomes a row; wake brings it back. Nothing else is published.
struct Park {
    Timer timer;
    std::string reason;
};

using Outcome = std::variant<Emit, Drop, Park>;

}  // namespace relevo
