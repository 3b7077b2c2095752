#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

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

TEST_CASE("every stage that there is not is told") {
    const Folder folder;
    const auto file = folder.write("one.yaml",
                                   "pipeline: one\ntopics:\n  a: {partitions: 1}\nstages:\n"
                                   "  first: {group: g, input: a}\n  second: {group: h, input: a}\n");
    Backend backend;
    backend.stages = {"resolve"};
    const auto printed = run_relevo({"check", file.string()}, backend);
    CHECK(printed.code == 1);
    CHECK(printed.err.find("'first'") != std::string::npos);
    CHECK(printed.err.find("'second'") != std::string::npos);
}
