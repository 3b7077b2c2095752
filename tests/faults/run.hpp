#pragma once

#include <filesystem>
#include <string>

#include "cli/config.hpp"
#include "tests/faults/chaos.hpp"
#include "tests/faults/customers.hpp"
#include "tests/faults/provider.hpp"

namespace relevo::faults {

struct RunSettings {
    std::uint64_t seed = 1;
    int conversations = 60;
    int shops = 3;
    std::size_t workers = 3;
    Millis quiet{1'000};
    Plan plan;
    Habits habits;
    Moods moods;
    bool json = false;
    bool keep = false;              ///< the installation stays where the books do not balance
    std::filesystem::path program;  ///< this one: workers are started from it
    std::filesystem::path config_file;
};

/// The whole proof; prints its table and its books. 0: they balance, 1: they do not, 130: it was interrupted.
int prove(const Config& config, RunSettings settings);

}  // namespace relevo::faults
