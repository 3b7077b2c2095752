#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/sim_clock.hpp"

namespace relevo {

/// What happened, in its order: lines for a person where they are kept, and in any case a number that two
/// runs of one seed have in common only if they did the same.
class SimTrace {
  public:
    SimTrace(const SimClock& clock, bool keeps_lines) : clock_(clock), keeps_lines_(keeps_lines) {}

    /// `who` is the number of a process; 0 is the world around them.
    template <class... Args>
    void tell(int who, fmt::format_string<Args...> format, Args&&... args) {
        const fmt::string_view text = format;
        mix(static_cast<std::uint64_t>(who));
        mix(text.size());
        if (!keeps_lines_) return;
        const std::string name = who == 0 ? "world" : "process " + std::to_string(who);
        lines_.push_back(fmt::format("{:>9.3f} s  {:<10}  ", seconds(), name) +
                         fmt::format(format, std::forward<Args>(args)...));
    }
    /// The scheduler's choice.
    void chose(std::uint64_t what) {
        mix(static_cast<std::uint64_t>(to_millis(clock_.now())));
        mix(what);
    }
    std::uint64_t hash() const { return hash_; }
    const std::vector<std::string>& lines() const { return lines_; }
    bool keeps_lines() const { return keeps_lines_; }

  private:
    void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 1099511628211ull; }
    double seconds() const { return static_cast<double>((clock_.now() - started_).count()) / 1'000; }

    const SimClock& clock_;
    const bool keeps_lines_;
    const SysTime started_ = clock_.now();
    std::uint64_t hash_ = 14695981039346656037ull;
    std::vector<std::string> lines_;
};

}  // namespace relevo
