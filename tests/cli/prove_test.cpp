#include <doctest/doctest.h>

#include <iterator>

#include "cli/command_line.hpp"

using namespace relevo;

TEST_CASE("prove fails where its program is not beside this one") {
    const Backend backend{};
    const char* arguments[] = {"relevo", "prove", "--kills", "3", "--json"};
    CHECK(run_command_line(std::size(arguments), arguments, backend) == 1);
}
