#include "cli/progress.hpp"

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

// What is written to standard error while `steps` are told, two seconds apart.
std::string written(bool watched, const std::vector<std::string>& steps) {
    const Folder folder;
    Redirection err(stderr, folder.path() / "err");
    SysTime now = from_millis(0);
    {
        Progress progress([&] { return now; }, watched);
        for (const auto& step : steps) {
            now += Millis{2'000};
            progress.tell(step);
        }
    }
    return err.end();
}

}  // namespace

TEST_CASE("a terminal shows one line that is written over, and ends it") {
    CHECK(written(true, {"10 of 20", "done"}) == "\r10 of 20\rdone    \n");
}

TEST_CASE("a file has whole lines, five seconds apart, and none that is written over") {
    CHECK(written(false, {"1", "2", "3", "4", "5", "6"}) == "3\n6\n");
}

TEST_CASE("what is done sooner writes nothing into a file") {
    CHECK(written(false, {"1", "2"}) == "");
    CHECK(written(true, {}) == "");
}
