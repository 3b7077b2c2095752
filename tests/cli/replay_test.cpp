#include "cli/replay.hpp"

#include <doctest/doctest.h>

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Bench {
    Bench() {
        const std::filesystem::path root = RELEVO_SOURCE_DIR;
        config = folder
                     .write("relevo.yaml",
                            "kafka: {brokers: b}\npostgres: {url: u}\nredis: {url: r}\nmaster_key_file: m\n"
                            "pipelines: " +
                                (root / "pipelines").string() + "\nmigrations: m\nconsole: c\n")
                     .string();
        backend.replay_turns = [this](const Config&, const TurnReplay&, const TellTurn& tell) {
            for (const auto& turn : turns) tell(turn, turns.size());
            return true;
        };
        backend.replay_stage = [this](const Config&, const StageReplay&, const TellReplayed& tell) {
            for (const auto& it : work) tell(it);
        };
    }
    int operator()(std::vector<std::string> words) {
        words.insert(words.begin(), {"--config", config, "replay"});
        return run_relevo(words, backend).code;
    }

    Folder folder;
    std::string config;
    std::vector<ReplayedTurn> turns;
    std::vector<ReplayedWork> work;
    Backend backend;
};

ReplayedTurn same_turn() {
    return {};
}
ReplayedTurn different_turn() {
    ReplayedTurn turn;
    turn.differences = {"answer"};
    return turn;
}
ReplayedTurn failed_turn() {
    ReplayedTurn turn;
    turn.failed = Error{Fault::transient, "model.unavailable", "no answer"};
    return turn;
}
ReplayedWork work_that(const std::string& outcome) {
    ReplayedWork work;
    work.outcome = outcome;
    return work;
}

}  // namespace

TEST_CASE("a replay of turns is 0 when all were inferred, whatever differs, and 1 when one failed") {
    Bench replay;
    replay.turns = {same_turn(), different_turn()};
    CHECK(replay({"--last", "2"}) == 0);
    replay.turns.push_back(failed_turn());
    CHECK(replay({"--last", "3"}) == 1);
    CHECK(replay({"--last", "3", "--json"}) == 1);
}

TEST_CASE("a replay of records is 1 when one failed") {
    Bench replay;
    replay.work = {work_that("emit"), work_that("drop")};
    CHECK(replay({"replies.ready", "--stage", "relay", "--from", "15m"}) == 0);
    replay.work.push_back(work_that("failure"));
    CHECK(replay({"replies.ready", "--stage", "relay", "--from", "15m"}) == 1);
}

TEST_CASE("a replay that was asked for wrongly is 2, before anything is read") {
    Bench replay;
    replay.work = {work_that("failure")};
    CHECK(replay({"replies.ready", "--stage", "relay", "--from", "nonsense"}) == 2);
    CHECK(replay({"replies.ready", "--stage", "relay", "--from", "1h", "--to", "2h"}) == 2);
    CHECK(replay({"replies.ready", "--stage", "nobody", "--from", "1h"}) == 2);
    CHECK(replay({"replies.ready", "--stage", "infer", "--from", "1h"}) == 2);
    CHECK(replay({"replies.ready", "--from", "1h"}) == 2);
    CHECK(replay({"replies.ready", "--last", "3"}) == 2);
    CHECK(replay({"--conversation", "nonsense"}) == 2);
    const auto prompt = replay.folder.write("prompt.txt", "Sos {NIX}").string();
    CHECK(replay({"--last", "3", "--prompt", prompt}) == 2);
}
