#include "domain/local_pace.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

namespace relevo {
namespace {

struct ManualClock final : Clock {
    SysTime now() const override { return time; }
    Task<void> sleep_until(SysTime) override { co_return; }
    SysTime time{Millis{1'700'000'000'000}};
};

struct Bench {
    Millis take(const std::string& key, Rate rate, Millis patience = Millis{10'000}) {
        boost::asio::io_context io;
        auto wait = boost::asio::co_spawn(io, pace.take({{key, rate}}, patience), boost::asio::use_future);
        io.run();
        return wait.get();
    }
    ManualClock clock;
    LocalPace pace{clock};
};

constexpr Rate one_a_second{1, std::chrono::seconds(1)};

}  // namespace

TEST_CASE("each key has a bucket of its own") {
    Bench it;
    CHECK(it.take("a", one_a_second) == Millis{0});
    CHECK(it.take("a", one_a_second) == Millis{1'000});
    CHECK(it.take("b", one_a_second) == Millis{0});
}

TEST_CASE("who cannot wait for so long takes nothing") {
    Bench it;
    it.take("a", one_a_second);
    it.take("a", one_a_second);
    CHECK(it.take("a", one_a_second, Millis{1'500}) == Millis{2'000});
    CHECK(it.take("a", one_a_second, Millis{1'500}) == Millis{2'000});
    it.clock.time += Millis{500};
    CHECK(it.take("a", one_a_second, Millis{1'500}) == Millis{1'500});
}

TEST_CASE("several workers who count alone stay within the limit together") {
    Bench it;
    it.pace.share_with(4);
    const Rate rate{8, Millis{100}};
    for (int burst = 0; burst < 2; ++burst) CHECK(it.take("a", rate) == Millis{0});
    CHECK(it.take("a", rate) == Millis{400});
    // one at once is the least
    it.pace.share_with(100);
    CHECK(it.take("b", rate) == Millis{0});
    CHECK(it.take("b", rate) == Millis{10'000});
}

TEST_CASE("buckets that are empty again are forgotten") {
    Bench it;
    for (int i = 0; i < 5'000; ++i) {
        it.take(std::to_string(i), one_a_second);
        it.clock.time += Millis{10};
    }
    CHECK(it.pace.buckets() < 1'100);
}

}  // namespace relevo
