#include "core/rate.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

namespace relevo {
namespace {

constexpr std::int64_t second = 1'000'000;

// The slots that `count` askers get who come at once.
std::vector<std::int64_t> slots(Rate rate, int count, std::int64_t now) {
    std::array bucket{RateBucket{rate, 0}};
    std::vector<std::int64_t> out;
    for (int i = 0; i < count; ++i) {
        out.push_back(next_slot(bucket, now));
        take_slot(bucket, out.back());
    }
    return out;
}

}  // namespace

TEST_CASE("a bucket gives its burst at once, and then one every so often") {
    const std::int64_t now = 1'000 * second;
    CHECK(slots({3, std::chrono::seconds(6)}, 5, now) ==
          std::vector<std::int64_t>{now, now, now, now + 6 * second, now + 12 * second});
    CHECK(slots({1, std::chrono::seconds(1)}, 3, now) ==
          std::vector<std::int64_t>{now, now + second, now + 2 * second});
}

TEST_CASE("a bucket that was left alone has its burst again, and not more") {
    std::array bucket{RateBucket{{2, std::chrono::seconds(1)}, 0}};
    for (int i = 0; i < 4; ++i) take_slot(bucket, next_slot(bucket, 0));
    const std::int64_t later = 100 * second;
    CHECK(next_slot(bucket, later) == later);
    take_slot(bucket, later);
    take_slot(bucket, next_slot(bucket, later));
    CHECK(next_slot(bucket, later) == later + second);
}

TEST_CASE("of several buckets the fullest decides, and each is taken from") {
    std::array both{RateBucket{{10, std::chrono::milliseconds(100)}, 0},
                    RateBucket{{1, std::chrono::seconds(6)}, 0}};
    take_slot(both, next_slot(both, 0));
    CHECK(next_slot(both, 0) == 6 * second);
    CHECK(both[0].empty_at == second / 10);
    CHECK(both[1].empty_at == 6 * second);
}

TEST_CASE("in no second more than the burst and the rate together leave a bucket") {
    const auto all = slots({10, std::chrono::microseconds(14'286)}, 1'000, 0);
    for (std::size_t i = 80; i < all.size(); ++i) CHECK(all[i] - all[i - 80] >= second);
}

}  // namespace relevo
