#include "tests/isolation/two_shops.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

namespace relevo::testing {

std::string swaps_script() {
    std::ifstream file(std::string(RELEVO_SOURCE_DIR) + "/tests/isolation/swaps.sql");
    REQUIRE(file);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace relevo::testing
