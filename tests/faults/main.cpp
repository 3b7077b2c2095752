// relevo-prove: kills what may be killed, and shows that nothing is lost, doubled or out of order. `relevo
// prove` executes it. With "worker" as its first word it is one of its own workers.

#include <fmt/format.h>
#include <signal.h>
#include <sodium.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "core/log.hpp"
#include "tests/faults/installation.hpp"
#include "tests/faults/run.hpp"
#include "tests/faults/worker.hpp"

namespace relevo::faults {
namespace {

Config read_config(const std::string& file) {
    if (std::filesystem::exists(file)) return load_config(file).value();
    throw Failure({Fault::permanent, "config.invalid",
                   file + ": no such file; name the installation's settings with --config FILE"});
}

// worker CONFIG ID PROVIDER_PORT HTTP_PORT
int be_worker(const std::vector<std::string>& words) {
    const auto port = [](const std::string& text) { return static_cast<std::uint16_t>(std::stoi(text)); };
    return work(isolate(read_config(words.at(0)), {words.at(1), port(words.at(2))}), port(words.at(3)));
}

// What is rare in life must happen within a minute here.
void hurry(RunSettings& settings) {
    settings.habits = {.reacts = 0.04,
                       .strange = 0.04,
                       .stray = 0.04,
                       .owner_steps_in = 0.02,
                       .is_refused = 0.05,
                       .says_twice = 0.1,
                       .receipt_lost = 0.1};
    settings.moods.asks_for_a_break = 0.03;
}

int run_command(int argc, const char* const* argv) {
    RunSettings settings;
    Plan& plan = settings.plan;
    std::string config_file = "relevo.yaml";
    double minutes = 0;
    int every_ms = 2'500;
    int stall_ms = 9'000;
    int quiet_ms = 1'000;
    bool clean = false;
    CLI::App app{
        "Kills workers, brokers and databases of an installation of its own on the configured servers while "
        "customers write, then balances the books. Exit code 0: nothing lost, duplicated or reordered",
        "relevo prove"};
    app.footer("Example: relevo prove --kills 100 --conversations 200");
    app.add_option("-c,--config", config_file, "The installation's settings: its servers are used")
        ->capture_default_str()
        ->take_last();
    app.add_option("--seed", settings.seed, "Of what customers and providers do, and of the blows")
        ->capture_default_str();
    app.add_option("--minutes", minutes, "How long; 5 where --kills is not given")
        ->check(CLI::Range(0.1, 10'000.0));
    app.add_option("--kills", plan.kills, "Until so many workers were killed")
        ->check(CLI::Range(1, 1'000'000));
    app.add_option("--conversations", settings.conversations, "People who write")
        ->capture_default_str()
        ->check(CLI::Range(1, 100'000));
    app.add_option("--workers", settings.workers, "Processes")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    app.add_option("--shops", settings.shops)->capture_default_str()->check(CLI::Range(1, 1'000));
    app.add_option("--quiet-ms", quiet_ms, "The agents' window of silence")->capture_default_str();
    app.add_option("--every-ms", every_ms, "On average, between two blows")->capture_default_str();
    app.add_option("--stall-ms", stall_ms,
                   "How long a stopped worker stands: longer than the groups' session, at most 45 s")
        ->capture_default_str()
        ->check(CLI::Range(1'000, 45'000));
    app.add_option("--restart-kafka", plan.restart_kafka, "A command; without it the broker is left alone");
    app.add_option("--restart-postgres", plan.restart_postgres,
                   "A command; without it the database is left alone");
    app.add_flag("--each-point", plan.each_point,
                 "Kill a worker at each crash point once, and do nothing else");
    app.add_flag("--keep", settings.keep, "Leave the installation where the books do not balance");
    app.add_flag("--clean", clean, "Only remove what earlier runs left that were killed");
    app.add_flag("--json", settings.json, "Print the books as JSON");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    const Config config = read_config(config_file);
    if (clean) {
        Installation::clean(config, [](const std::string& step) { fmt::print("{}\n", step); });
        return 0;
    }
    if (minutes == 0 && plan.kills == 0 && !plan.each_point) minutes = 5;
    plan.time = Millis{static_cast<std::int64_t>(minutes * 60'000)};
    plan.every = Millis{every_ms};
    plan.stall = Millis{stall_ms};
    settings.quiet = Millis{quiet_ms};
    settings.program = std::filesystem::read_symlink("/proc/self/exe");
    settings.config_file = std::filesystem::absolute(config_file);
    if (plan.each_point) hurry(settings);
    set_log_level(LogLevel::error);
    return prove(config, std::move(settings));
}

}  // namespace
}  // namespace relevo::faults

int main(int argc, char** argv) {
    if (sodium_init() < 0) return 1;
    try {
        const std::vector<std::string> words(argv + 1, argv + argc);
        if (!words.empty() && words.front() == "worker")
            return relevo::faults::be_worker({words.begin() + 1, words.end()});
        ::signal(SIGPIPE, SIG_IGN);
        return relevo::faults::run_command(argc, argv);
    } catch (const relevo::Failure& failure) {
        fmt::print(stderr, "relevo prove: {} ({})\n", failure.error().text, failure.error().code);
    } catch (const std::exception& error) {
        fmt::print(stderr, "relevo prove: {}\n", error.what());
    }
    return 1;
}
