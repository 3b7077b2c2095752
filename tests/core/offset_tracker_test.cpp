#include "core/offset_tracker.hpp"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "core/random.hpp"

namespace relevo {

TEST_CASE("nothing is committable before the first record") {
    OffsetTracker tracker;
    CHECK_FALSE(tracker.committable());
    CHECK_FALSE(tracker.dispatched());
    tracker.finished({5});
    CHECK_FALSE(tracker.committable());
}

TEST_CASE("a record in the middle of its work keeps back the ones after it") {
    OffsetTracker tracker;
    for (const std::int64_t offset : {10, 11, 12}) tracker.began({offset});
    tracker.finished({11});
    tracker.finished({12});
    CHECK(tracker.committable() == Offset{10});
    CHECK(tracker.dispatched() == Offset{13});
    CHECK(tracker.unfinished() == 1);
    tracker.finished({10});
    CHECK(tracker.committable() == Offset{13});
    CHECK(tracker.unfinished() == 0);
}

TEST_CASE("offsets that the log never had do not stop it") {
    OffsetTracker tracker;
    tracker.began({3});
    tracker.began({7});
    tracker.finished({7});
    CHECK(tracker.committable() == Offset{3});
    tracker.finished({3});
    CHECK(tracker.committable() == Offset{8});
    tracker.began({100});
    CHECK(tracker.committable() == Offset{100});
}

TEST_CASE("finishing twice, or what never began, changes nothing") {
    OffsetTracker tracker;
    tracker.began({1});
    tracker.began({2});
    tracker.finished({2});
    tracker.finished({2});
    tracker.finished({0});
    tracker.finished({99});
    CHECK(tracker.unfinished() == 1);
    CHECK(tracker.committable() == Offset{1});
}

TEST_CASE("it agrees with a naive model for any order of completions") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        SeededRandom random(seed);
        OffsetTracker tracker;
        std::set<std::int64_t> open;
        std::int64_t next = static_cast<std::int64_t>(random.below(1'000));
        std::int64_t last = -1;
        for (int step = 0; step < 200; ++step) {
            if (open.empty() || random.below(2) == 0) {
                next += random.below(10) == 0 ? static_cast<std::int64_t>(random.below(5)) : 0;
                tracker.began({next});
                open.insert(next);
                last = next++;
            } else {
                const auto it =
                    std::next(open.begin(), static_cast<std::ptrdiff_t>(random.below(open.size())));
                tracker.finished({*it});
                open.erase(it);
            }
            const std::int64_t expected = open.empty() ? last + 1 : *open.begin();
            REQUIRE(tracker.committable() == Offset{expected});
            REQUIRE(tracker.dispatched() == Offset{last + 1});
            REQUIRE(tracker.unfinished() == open.size());
        }
    }
}

}  // namespace relevo
