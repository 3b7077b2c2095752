#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>

#include "tests/faults/books.hpp"
#include "tests/faults/chaos.hpp"
#include "tests/faults/installation.hpp"

namespace relevo::faults {

/// A line of the running table.
struct Moment {
    Millis since;
    std::string phase;
    std::size_t alive = 0;
    const Blows& blows;
    std::size_t accepted = 0;
    std::size_t bubbles = 0;
    const std::optional<Progress>& progress;  ///< none: a server does not answer
};

/// To standard error, so that the books may go elsewhere.
class Table {
  public:
    void line(const Moment& moment);

  private:
    int lines_ = 0;
};

struct Report {
    std::uint64_t seed = 0;
    Plan plan;
    Blows blows;
    Books books;
    std::int64_t retried = 0;  ///< webhooks that had to be sent again
    bool settled = false;      ///< nothing was left to do at the end
    Millis took{0};
    std::set<std::string> missed;  ///< points that should have been visited
    bool passed() const { return settled && books.balance() && blows.crashes.empty() && missed.empty(); }
};

/// To standard output.
void print_report(const Report& report, bool json);

}  // namespace relevo::faults
