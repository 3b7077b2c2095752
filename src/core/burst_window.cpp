#include "core/burst_window.hpp"

#include <algorithm>

namespace relevo {

bool BurstWindow::takes(SysTime appended) const {
    return !full_ && (count_ == 0 || appended < closes_at_);
}

void BurstWindow::add(SysTime appended, const BurstPolicy& policy) {
    last_ = std::max(last_, appended);
    ++count_;
    full_ = count_ >= policy.max_count;
    closes_at_ = full_ ? last_ : std::min(last_ + policy.quiet, opened_ + policy.max_wait);
}

}  // namespace relevo
