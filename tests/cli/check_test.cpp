#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/commands.hpp"

using namespace relevo;

TEST_CASE("a pipeline that names a stage which there is not is refused") {
    const auto file =
        std::filesystem::temp_directory_path() / ("relevo_check_" + std::to_string(::getpid()) + ".yaml");
    std::ofstream(file) << "pipeline: one\n"
                           "topics:\n  a: {partitions: 1}\n"
                           "stages:\n  settle: {group: g, input: a, outputs: []}\n";
    CHECK(check_files("", {file.string()}, {"resolve", "settle"}) == 0);
    CHECK(check_files("", {file.string()}, {"resolve"}) == 1);
    std::filesystem::remove(file);
}
