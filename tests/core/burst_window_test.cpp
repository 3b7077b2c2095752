#include "core/burst_window.hpp"

#include <doctest/doctest.h>

namespace relevo {
namespace {

constexpr BurstPolicy policy{Millis{16'000}, Millis{60'000}, 20};

SysTime at(std::int64_t millis) {
    return from_millis(1'000'000 + millis);
}

}  // namespace

TEST_CASE("a window closes after its silence") {
    BurstWindow window(at(0));
    window.add(at(0), policy);
    CHECK(window.closes_at() == at(16'000));
    CHECK(window.takes(at(15'999)));
    CHECK_FALSE(window.takes(at(16'000)));
}

TEST_CASE("each message prolongs the silence, but not past the longest wait") {
    BurstWindow window(at(0));
    for (int n = 0; n <= 5; ++n) window.add(at(n * 10'000), policy);
    CHECK(window.closes_at() == at(60'000));
    CHECK(window.takes(at(59'999)));
    CHECK_FALSE(window.takes(at(60'000)));
}

TEST_CASE("the last message that fits closes the window at once") {
    BurstWindow window(at(0));
    for (int n = 0; n < 19; ++n) window.add(at(n), policy);
    CHECK_FALSE(window.full());
    window.add(at(19), policy);
    CHECK(window.full());
    CHECK(window.closes_at() == at(19));
    CHECK_FALSE(window.takes(at(19)));
}

TEST_CASE("a policy of one message makes every message a window of its own") {
    BurstWindow window(at(0));
    CHECK(window.takes(at(0)));
    window.add(at(0), {Millis{16'000}, Millis{60'000}, 1});
    CHECK(window.full());
}

}  // namespace relevo
