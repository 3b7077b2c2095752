// ./dev simulate: runs seeds until one shows what nobody should ever see.

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/bugs.hpp"
#include "tests/simulation/storm.hpp"

namespace relevo {
namespace {

constexpr std::string_view usage =
    R"(simulate [--seeds N] [--from SEED] [--seed S] [--jobs J] [--bug NAME] [--bugs]

Runs the real stages in virtual time, on a simulated log, database and providers, and checks what customers saw and
what the books say. Each seed is one schedule of crashes, rebalances, lost answers and late ones.

  --seeds N     so many schedules (default 1000)
  --from SEED   beginning with this one (default 1)
  --seed S      only this one, again bit for bit, with everything that happened
  --jobs J      in so many processes (default 1)
  --bug NAME    with a deliberate bug: fails when no schedule finds it
  --bugs        lists them

Exits with 0 when all is well, 1 when a schedule failed (or a bug was not found), 2 when misused.
)";

struct Options {
    std::uint64_t seeds = 1'000;
    std::uint64_t from = 1;
    std::optional<std::uint64_t> seed;
    int jobs = 1;
    std::string bug;
};

volatile std::sig_atomic_t interrupted = 0;

struct Tally {
    std::uint64_t schedules = 0;
    std::uint64_t handlers = 0;
    std::uint64_t crashes = 0;
    SimBooks books;
};

double seconds_since(std::chrono::steady_clock::time_point begun) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

std::shared_ptr<const SimParts> parts_of(const Options& options) {
    return options.bug.empty() ? nullptr : find_bug(options.bug)->parts;
}

void add(Tally& tally, Storm& storm) {
    ++tally.schedules;
    tally.handlers += storm.world().handlers();
    tally.crashes += static_cast<std::uint64_t>(storm.world().crashes());
    for (const auto& [end, count] : count_ends(storm.world())) tally.books[end] += count;
}

// The same schedule once more, with its trace.
void show(std::uint64_t seed, const Options& options) {
    Storm storm(seed, true, parts_of(options));
    const auto problems = storm.run();
    for (const auto& line : storm.world().trace.lines()) fmt::print("{}\n", line);
    fmt::print("\n{}\n", tell_story(storm.world()));
    for (const auto& problem : problems) fmt::print("seed {}: {}\n", seed, problem);
    fmt::print("seed {}: {}, trace {:016x}\n", seed, problems.empty() ? "all is well" : "FAILED",
               storm.world().trace.hash());
}

// A job's part of the seeds: every `jobs`th. Tells its parent each failed seed, and in the end how far it
// came.
void run_job(const Options& options, int job, std::FILE* out) {
    Tally tally;
    const auto parts = parts_of(options);
    const auto step = static_cast<std::uint64_t>(options.jobs);
    for (std::uint64_t n = static_cast<std::uint64_t>(job); n < options.seeds && !interrupted; n += step) {
        Storm storm(options.from + n, false, parts);
        const auto problems = storm.run();
        add(tally, storm);
        fmt::print(out, "{} {}\n", problems.empty() ? "well" : "failed", options.from + n);
        for (const auto& problem : problems) fmt::print(out, "because {}\n", problem);
        std::fflush(out);
        if (!problems.empty()) break;
    }
    fmt::print(out, "count {} {}\n", tally.handlers, tally.crashes);
    for (const auto& [end, count] : tally.books) fmt::print(out, "end {} {}\n", count, end);
    std::fflush(out);
}

struct Job {
    pid_t process;
    std::FILE* out;
};

Job start_job(const Options& options, int number) {
    int ends[2];
    if (pipe(ends) != 0) {
        std::perror("pipe");
        std::exit(2);
    }
    std::fflush(stdout);
    const pid_t process = fork();
    if (process == 0) {
        close(ends[0]);
        run_job(options, number, fdopen(ends[1], "w"));
        std::_Exit(0);
    }
    close(ends[1]);
    return {process, fdopen(ends[0], "r")};
}

// All jobs' lines into one pipe would mix: each has its own, read in turns.
class Run {
  public:
    explicit Run(const Options& options) : options_(options) {
        for (int n = 0; n < options.jobs; ++n) jobs_.push_back(start_job(options, n));
    }
    int all() {
        std::size_t open = jobs_.size();
        while (open > 0) {
            for (auto& job : jobs_) {
                if (job.out && !read_some(job)) --open;
            }
            if (interrupted) {
                for (const auto& job : jobs_) {
                    if (job.out) ::kill(job.process, SIGTERM);
                }
            }
        }
        report();
        if (!options_.bug.empty()) {
            const bool found = failed_seed_.has_value();
            fmt::print("bug '{}': {}\n", options_.bug,
                       found ? fmt::format("found by seed {}", *failed_seed_) : "NOT FOUND");
            return found ? 0 : 1;
        }
        if (failed_seed_) show(*failed_seed_, options_);
        return failed_seed_ || broken_ ? 1 : 0;
    }

  private:
    // One job's next line; false where it has no more.
    bool read_some(Job& job) {
        char buffer[4'096];
        if (!std::fgets(buffer, sizeof buffer, job.out)) {
            std::fclose(job.out);
            job.out = nullptr;
            int status = 0;
            waitpid(job.process, &status, 0);
            if (status != 0) {
                broken_ = true;
                fmt::print("a job ended with status {}: its last seed may be the reason\n", status);
            }
            return false;
        }
        std::string_view line(buffer);
        if (line.ends_with('\n')) line.remove_suffix(1);
        take(line);
        return true;
    }
    void take(std::string_view line) {
        const auto rest = line.substr(std::min(line.find(' ') + 1, line.size()));
        if (line.starts_with("count ")) {
            std::uint64_t handlers = 0;
            std::uint64_t crashes = 0;
            if (std::sscanf(std::string(rest).c_str(), "%lu %lu", &handlers, &crashes) == 2) {
                tally_.handlers += handlers;
                tally_.crashes += crashes;
            }
        } else if (line.starts_with("end ")) {
            const auto space = rest.find(' ');
            tally_.books[std::string(rest.substr(space + 1))] +=
                std::strtoull(std::string(rest).c_str(), nullptr, 10);
        } else if (line.starts_with("because ")) {
            if (options_.bug.empty()) fmt::print("    {}\n", rest);
        } else {
            ++tally_.schedules;
            const auto seed = std::strtoull(std::string(rest).c_str(), nullptr, 10);
            if (line.starts_with("failed ")) {
                if (options_.bug.empty()) fmt::print("seed {} FAILED\n", seed);
                if (!failed_seed_ || seed < *failed_seed_) failed_seed_ = seed;
            }
            if (seconds_since(told_) > 10) progress();
        }
    }
    void progress() {
        told_ = std::chrono::steady_clock::now();
        const double seconds = seconds_since(begun_);
        fmt::print("{} of {} schedules, {:.0f} a minute\n", tally_.schedules, options_.seeds,
                   static_cast<double>(tally_.schedules) / seconds * 60);
        std::fflush(stdout);
    }
    void report() {
        const double seconds = seconds_since(begun_);
        fmt::print(
            "{} schedules from seed {} in {:.1f} s, {:.0f} a minute with {} jobs; {} handlers, {} crashes\n",
            tally_.schedules, options_.from, seconds, static_cast<double>(tally_.schedules) / seconds * 60,
            options_.jobs, tally_.handlers, tally_.crashes);
        for (const auto& [end, count] : tally_.books) fmt::print("  {:>10}  {}\n", count, end);
    }

    const Options& options_;
    std::vector<Job> jobs_;
    Tally tally_;
    std::optional<std::uint64_t> failed_seed_;
    bool broken_ = false;
    const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point told_ = begun_;
};

[[noreturn]] void misused(const std::string& why) {
    fmt::print(stderr, "simulate: {}\n\n{}", why, usage);
    std::exit(2);
}

std::uint64_t number(std::string_view name, std::string_view text) {
    char* end = nullptr;
    const std::string digits(text);
    const auto value = std::strtoull(digits.c_str(), &end, 10);
    if (digits.empty() || *end != '\0' || digits.front() == '-')
        misused(fmt::format("{} wants a number, not '{}'", name, text));
    return value;
}

Options parse(const std::vector<std::string_view>& arguments) {
    Options options;
    for (std::size_t n = 0; n < arguments.size(); ++n) {
        const auto name = arguments[n];
        if (name == "--help" || name == "-h") {
            fmt::print("{}", usage);
            std::exit(0);
        }
        if (name == "--bugs") {
            for (const auto& bug : all_bugs()) fmt::print("{:<28} {}\n", bug.name, bug.what);
            std::exit(0);
        }
        if (n + 1 == arguments.size()) misused(fmt::format("{} is unknown, or lacks its value", name));
        const auto value = arguments[++n];
        if (name == "--seeds") {
            options.seeds = number(name, value);
        } else if (name == "--from") {
            options.from = number(name, value);
        } else if (name == "--seed") {
            options.seed = number(name, value);
        } else if (name == "--jobs") {
            options.jobs = static_cast<int>(number(name, value));
            if (options.jobs < 1 || options.jobs > 256) misused("--jobs wants 1 to 256");
        } else if (name == "--bug") {
            options.bug = value;
            if (!find_bug(value)) misused(fmt::format("there is no bug '{}': see --bugs", value));
        } else {
            misused(fmt::format("unknown option {}", name));
        }
    }
    return options;
}

}  // namespace
}  // namespace relevo

int main(int count, char** arguments) {
    using namespace relevo;
    const Options options = parse(std::vector<std::string_view>(arguments + 1, arguments + count));
    std::signal(SIGINT, [](int) { interrupted = 1; });
    std::signal(SIGTERM, [](int) { interrupted = 1; });
    if (options.seed) {
        show(*options.seed, options);
        return Storm(*options.seed, false, parts_of(options)).run().empty() ? 0 : 1;
    }
    return Run(options).all();
}
