#pragma once

#include <optional>
#include <string>
#include <vector>

#include "domain/operator.hpp"

namespace relevo {

/// What a change of several dead letters would do.
struct DeadPlan {
    std::vector<Letter> letters;  ///< to be changed, in the order in which they were written
    std::vector<Letter>
        held_back;             ///< an earlier one of their key stays: going first they would break its order
    std::int64_t expired = 0;  ///< of `letters`: handled too late, and dropped as expired
};

/// Of a retry. `fresh_expiry`: they get a new expiry.
DeadPlan plan_retry(std::vector<Letter> selected, bool fresh_expiry, SysTime now);

/// Of a drop: order does not matter.
DeadPlan plan_drop(std::vector<Letter> selected);

/// How many of which stage and code, whose shops, and what is held back or expired; ends with a line end.
std::string describe(const DeadPlan& plan, const std::string& verb);

/// One tenant's letters, at most `most`, in the plan's order: what one transaction changes.
struct DeadBatch {
    TenantId tenant;
    std::vector<std::int64_t> ids;
};
std::vector<DeadBatch> batches_of(const DeadPlan& plan, std::size_t most);

/// Takes out of `batch` what would overtake a refused letter of its key, and says so of each.
std::vector<RefusedLetter> hold_back(DeadBatch& batch, const DeadPlan& plan,
                                     const std::vector<RefusedLetter>& refused);

}  // namespace relevo
