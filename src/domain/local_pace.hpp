#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "core/clock.hpp"
#include "domain/pace.hpp"

namespace relevo {

/// Counts what this object hands out, and nobody else's. For one worker alone, and for each of several while
/// the shared counter is away. Belongs to one thread.
class LocalPace final : public Pace {
  public:
    explicit LocalPace(const Clock& clock) : clock_(clock) {}
    Task<Millis> take(std::vector<PaceBucket> buckets, Millis patience) override;
    /// Each rate is divided by so many, who all count for themselves.
    void share_with(int workers);
    std::size_t buckets() const { return empty_at_.size(); }

  private:
    void forget_empty(std::int64_t now);

    const Clock& clock_;
    int workers_ = 1;
    std::unordered_map<std::string, std::int64_t> empty_at_;
    std::size_t look_at_ = 1'024;  // so many buckets are worth a look for empty ones
};

}  // namespace relevo
