#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "tests/contract/random_calls.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

constexpr int calls_per_seed = 150;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* value = std::getenv(name);
    return value ? std::strtoull(value, nullptr, 10) : otherwise;
}

// The rows that only one side has.
std::optional<Difference> compare_rows(Side& simulated, Side& real) {
    const auto lines = [](const std::string& text) {
        std::vector<std::string> all;
        std::istringstream in(text);
        for (std::string line; std::getline(in, line);) all.push_back(line);
        std::sort(all.begin(), all.end());
        return all;
    };
    const auto ours = lines(simulated.stores.rows());
    const auto theirs = lines(real.stores.rows());
    if (ours == theirs) return std::nullopt;
    std::vector<std::string> only_ours, only_theirs;
    std::set_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                        std::back_inserter(only_ours));
    std::set_difference(theirs.begin(), theirs.end(), ours.begin(), ours.end(),
                        std::back_inserter(only_theirs));
    return Difference{fmt::format("{}", fmt::join(only_ours, "\n    ")),
                      fmt::format("{}", fmt::join(only_theirs, "\n    "))};
}

constexpr const char* disclosure = "I am a program.";

// The same calls on new shops: the difference that is left.
std::optional<Difference> repeat(const std::vector<Call>& calls, PostgresStores& postgres) {
    postgres.clear();
    SimulatedStores memory(postgres.accounts());
    memory.disclose(disclosure);
    Side simulated(memory), real(postgres);
    for (const auto& call : calls) {
        const Difference answers{call.answer(simulated), call.answer(real)};
        if (answers.simulated != answers.real) return answers;
    }
    return compare_rows(simulated, real);
}

// Leaves out what the difference does not need: in halves, then in ever smaller pieces.
std::vector<Call> shorten(std::vector<Call> calls, PostgresStores& postgres) {
    for (std::size_t piece = calls.size() / 2; piece > 0; piece /= 2) {
        for (std::size_t end = calls.size(); end >= piece && end > 0;) {
            std::vector<Call> fewer(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(end - piece));
            fewer.insert(fewer.end(), calls.begin() + static_cast<std::ptrdiff_t>(end), calls.end());
            if (repeat(fewer, postgres)) calls = std::move(fewer);
            end = std::min(end - piece, calls.size());
        }
    }
    return calls;
}

std::string report(std::uint64_t seed, std::vector<Call> calls, PostgresStores& postgres) {
    calls = shorten(std::move(calls), postgres);
    std::string text =
        fmt::format("seed {}, repeated by RELEVO_CONTRACT_FROM={} RELEVO_CONTRACT_SEEDS=1\n", seed, seed);
    for (const auto& call : calls) text += "  " + call.told + "\n";
    const auto difference = repeat(calls, postgres);
    if (difference) {
        text += fmt::format("  simulated:\n    {}\n  PostgreSQL:\n    {}\n", difference->simulated,
                            difference->real);
    }
    return text;
}

std::optional<Difference> run_seed(std::uint64_t seed, PostgresStores& postgres, std::vector<Call>& calls) {
    postgres.clear();
    SimulatedStores memory(postgres.accounts());
    memory.disclose(disclosure);
    Side simulated(memory), real(postgres);
    RandomCalls random(seed, simulated, real, postgres.accounts());
    std::optional<Difference> difference;
    for (int i = 0; i < calls_per_seed && !difference; ++i) difference = random.make_one();
    if (!difference) difference = compare_rows(simulated, real);
    calls = random.calls();
    return difference;
}

}  // namespace

// RELEVO_CONTRACT_SEEDS says how many are tried, RELEVO_CONTRACT_FROM the first.
TEST_CASE("the simulated stores answer every sequence of calls as PostgreSQL does") {
    PostgresStores postgres;
    postgres.disclose(disclosure);
    const auto from = setting("RELEVO_CONTRACT_FROM", 1);
    const auto seeds = setting("RELEVO_CONTRACT_SEEDS", 60);
    for (auto seed = from; seed < from + seeds; ++seed) {
        std::vector<Call> calls;
        if (run_seed(seed, postgres, calls)) FAIL_CHECK(report(seed, std::move(calls), postgres));
    }
}
