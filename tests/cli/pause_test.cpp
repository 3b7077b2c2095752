#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/command_line.hpp"

using namespace relevo;

namespace {

struct ToldBook final : PauseBook {
    ToldBook(std::vector<std::string>& its_told, std::vector<Pause>& its_paused)
        : told(its_told), paused(its_paused) {}
    std::vector<Pause> list() override { return paused; }
    void pause(const Pause& pause) override {
        paused = {pause};
        told.push_back("pause " + pause.stage + " " + pause.shop + " " + pause.reason + " " + pause.by);
    }
    bool resume(const std::string& stage, const std::string& topic, const std::string& shop) override {
        told.push_back("resume " + stage + " " + topic + " " + shop);
        return true;
    }
    std::int64_t due_timers() override { return 0; }
    std::vector<std::string>& told;
    std::vector<Pause>& paused;
};

// The command line over this checkout's pipelines, and what the book was told.
struct Bench {
    Bench() {
        const std::filesystem::path root = RELEVO_SOURCE_DIR;
        std::ofstream(file)
            << "kafka: {brokers: \"none:1\"}\npostgres: {url: \"none\"}\nredis: {url: \"none\"}\n"
            << "master_key_file: none\npipelines: " << (root / "pipelines").string()
            << "\nmigrations: none\nconsole: none\n";
        backend.pauses = [this](const Config&) { return std::make_unique<ToldBook>(told, paused); };
    }
    ~Bench() { std::filesystem::remove(file); }
    int operator()(std::vector<const char*> words) {
        std::vector<const char*> arguments{"relevo", "--config", file.c_str()};
        arguments.insert(arguments.end(), words.begin(), words.end());
        return run_command_line(static_cast<int>(arguments.size()), arguments.data(), backend);
    }
    const std::string file =
        (std::filesystem::temp_directory_path() / ("relevo_pause_" + std::to_string(::getpid()) + ".yaml"))
            .string();
    std::vector<std::string> told;
    std::vector<Pause> paused;
    Backend backend;
};

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("a pause names its stage, and a shop where the stage's records name theirs") {
    Bench relevo;
    CHECK(relevo({"pause", "relay", "--reason", "prices", "--by", "ana"}) == 0);
    CHECK(relevo({"pause", "infer", "--tenant", "pointe", "--by", "ana"}) == 0);
    CHECK(relevo({"pause", "settle", "--by", "ana"}) == 0);
    CHECK(relevo.told == Told{"pause relay  prices ana", "pause infer pointe  ana", "pause settle   ana"});
    relevo.told.clear();
    for (const auto* stage : {"resolve", "settle", "wake"})
        CHECK(relevo({"pause", stage, "--tenant", "pointe"}) == 2);
    CHECK(relevo({"pause", "ingress"}) == 2);
    CHECK(relevo({"resume", "ingress"}) == 2);
    CHECK(relevo({"pause"}) == 2);
    CHECK(relevo.told.empty());
}

TEST_CASE("pausing again without a reason keeps the one that was given") {
    Bench relevo;
    CHECK(relevo({"pause", "relay", "--reason", "prices", "--by", "ana"}) == 0);
    CHECK(relevo({"pause", "relay", "--by", "eve"}) == 0);
    CHECK(relevo({"pause", "relay", "--tenant", "pointe", "--by", "eve"}) == 0);
    CHECK(relevo.told ==
          Told{"pause relay  prices ana", "pause relay  prices eve", "pause relay pointe  eve"});
}

TEST_CASE("what is resumed is told with the topic from which its records come back") {
    Bench relevo;
    CHECK(relevo({"resume", "relay", "--tenant", "pointe"}) == 0);
    CHECK(relevo({"pause", "list"}) == 0);
    CHECK(relevo.told == Told{"resume relay replies.ready pointe"});
}
