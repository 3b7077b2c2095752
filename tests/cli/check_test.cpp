#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/command_line.hpp"

using namespace relevo;

TEST_CASE("a pipeline that names a stage which there is not is refused") {
    const auto file =
        std::filesystem::temp_directory_path() / ("relevo_check_" + std::to_string(::getpid()) + ".yaml");
    std::ofstream(file) << "pipeline: one\n"
                           "topics:\n  a: {partitions: 1}\n"
                           "stages:\n  settle: {group: g, input: a, outputs: []}\n";
    const auto check = [&](std::vector<std::string> stages) {
        Backend backend;
        backend.stages = std::move(stages);
        const std::string path = file.string();
        const char* arguments[] = {"relevo", "check", path.c_str()};
        return run_command_line(std::size(arguments), arguments, backend);
    };
    CHECK(check({"resolve", "settle"}) == 0);
    CHECK(check({"resolve"}) == 1);
    std::filesystem::remove(file);
}
