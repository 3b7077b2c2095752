#include <doctest/doctest.h>

#include "tests/simulation/storm.hpp"

namespace relevo {
namespace {

// The nth fifty of the seeds.
void check_seeds(std::uint64_t nth) {
    constexpr std::uint64_t count = 50;
    for (std::uint64_t seed = (nth - 1) * count + 1; seed <= nth * count; ++seed) {
        const auto problems = Storm(seed).run();
        if (problems.empty()) continue;
        MESSAGE("see it with ./dev simulate --seed " << seed);
        for (const auto& problem : problems) MESSAGE(problem);
        CHECK(problems.empty());
    }
}

}  // namespace

// So many cases that ctest can run them side by side.
TEST_CASE("nothing is lost, doubled, reordered or told to others in seeds 1 to 50") {
    check_seeds(1);
}
TEST_CASE("nothing is lost, doubled, reordered or told to others in seeds 51 to 100") {
    check_seeds(2);
}
TEST_CASE("nothing is lost, doubled, reordered or told to others in seeds 101 to 150") {
    check_seeds(3);
}
TEST_CASE("nothing is lost, doubled, reordered or told to others in seeds 151 to 200") {
    check_seeds(4);
}
TEST_CASE("nothing is lost, doubled, reordered or told to others in seeds 201 to 250") {
    check_seeds(5);
}
TEST_CASE("nothing is lost, doubled, reordered or told to others in seeds 251 to 300") {
    check_seeds(6);
}
TEST_CASE("nothing is lost, doubled, reordered or told to others in seeds 301 to 350") {
    check_seeds(7);
}
TEST_CASE("nothing is lost, doubled, reordered or told to others in seeds 351 to 400") {
    check_seeds(8);
}
TEST_CASE("nothing is lost, doubled, reordered or told to others in seeds 401 to 450") {
    check_seeds(9);
}
TEST_CASE("nothing is lost, doubled, reordered or told to others in seeds 451 to 500") {
    check_seeds(10);
}

TEST_CASE("a seed repeats itself bit for bit") {
    for (const std::uint64_t seed : {7u, 42u, 43u}) {
        Storm once(seed, true);
        once.run();
        Storm again(seed, true);
        again.run();
        CHECK(once.world().trace.hash() == again.world().trace.hash());
        CHECK(once.world().trace.lines() == again.world().trace.lines());
        CHECK(tell_story(once.world()) == tell_story(again.world()));
        // whether somebody watches changes nothing
        Storm unseen(seed);
        unseen.run();
        CHECK(unseen.world().trace.hash() == once.world().trace.hash());
    }
}

TEST_CASE("another seed is another life") {
    Storm one(7);
    one.run();
    Storm other(8);
    other.run();
    CHECK(one.world().trace.hash() != other.world().trace.hash());
}

TEST_CASE("the storms know every end that a message can have") {
    SimBooks books;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        Storm storm(seed);
        storm.run();
        for (const auto& [end, count] : count_ends(storm.world())) books[end] += count;
    }
    for (const auto* end :
         {"answered", "human", "superseded", "dropped: expired", "dead", "bubbles unknown"}) {
        CAPTURE(end);
        CHECK(books[end] > 0);
    }
    CHECK(books["lost"] == 0);
}

}  // namespace relevo
