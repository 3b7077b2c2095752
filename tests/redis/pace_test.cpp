#include "redis/pace.hpp"

#include <doctest/doctest.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <cstdlib>
#include <optional>

#include "tests/redis/proxy.hpp"

namespace relevo {
namespace {

namespace asio = boost::asio;

constexpr Rate ten_minutes{2, std::chrono::minutes(10)};  // no slot comes free while a test runs
constexpr Millis for_ever{86'400'000};

std::string redis_url() {
    const char* const url = std::getenv("RELEVO_TEST_REDIS");
    REQUIRE_MESSAGE(url != nullptr, "set RELEVO_TEST_REDIS to a Redis's URL; ./dev test does");
    return url;
}

struct Redis {
    asio::io_context io;
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
    SystemClock clock;
    SeededRandom random{1};
    std::string url = redis_url();
    RedisAddress address = parse_redis_url(url).value();
    std::string installation = SystemRandom().hex(8);
    RedisProxy proxy{io, {asio::ip::make_address(address.host), address.port}};
    int guesses = 0;

    std::unique_ptr<RedisPace> pace(bool by_proxy = false, int workers = 1) {
        RedisPaceSettings settings{.url = url, .installation = installation};
        if (by_proxy) settings.url = "redis://127.0.0.1:" + std::to_string(proxy.port());
        settings.times = {
            .connect_deadline = Millis{500},
            .command_deadline = Millis{300},
            .ping_every = Millis{100},
            .reconnect = {.first = Millis{10}, .factor = 2.0, .max = Millis{50}, .park_after = {}}};
        settings.count_every = Millis{20};
        settings.workers = workers;
        settings.on_guess = [this] { ++guesses; };
        return std::make_unique<RedisPace>(io, settings, clock, random);
    }
    void until(const std::function<bool()>& holds) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!holds()) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            io.run_one_for(std::chrono::milliseconds(20));
        }
    }
    Millis take(Pace& pace, std::vector<PaceBucket> buckets, Millis patience = for_ever) {
        std::optional<Millis> wait;
        asio::co_spawn(io, pace.take(std::move(buckets), patience),
                       [&wait](std::exception_ptr problem, Millis got) {
                           REQUIRE(!problem);
                           wait = got;
                       });
        until([&] { return wait.has_value(); });
        return *wait;
    }
};

// What is left of a wait of so many minutes that began during the test.
bool about(Millis wait, int minutes) {
    const Millis whole = std::chrono::minutes(minutes);
    return wait <= whole && wait > whole - Millis{60'000};
}

}  // namespace

TEST_CASE("workers of one installation take from the same buckets, and others do not") {
    Redis redis;
    const auto here = redis.pace();
    const auto there = redis.pace();
    redis.until([&] { return here->up() && there->up(); });
    CHECK(redis.take(*here, {{"{a}", ten_minutes}}) == Millis{0});
    CHECK(redis.take(*there, {{"{a}", ten_minutes}}) == Millis{0});
    CHECK(about(redis.take(*here, {{"{a}", ten_minutes}}), 10));
    CHECK(about(redis.take(*there, {{"{a}", ten_minutes}}), 20));
    CHECK(redis.take(*there, {{"{b}", ten_minutes}}) == Millis{0});
    redis.installation += "x";
    const auto foreign = redis.pace();
    redis.until([&] { return foreign->up(); });
    CHECK(redis.take(*foreign, {{"{a}", ten_minutes}}) == Millis{0});
    CHECK(redis.guesses == 0);
}

TEST_CASE("a slot is taken from all buckets or from none, and the fullest decides") {
    Redis redis;
    const auto pace = redis.pace();
    redis.until([&] { return pace->up(); });
    const Rate pair{1, std::chrono::minutes(30)};
    CHECK(redis.take(*pace, {{"{a}:0", ten_minutes}, {"{a}:1:ana", pair}}) == Millis{0});
    CHECK(about(redis.take(*pace, {{"{a}:0", ten_minutes}, {"{a}:1:ana", pair}}, Millis{1'000}), 30));
    CHECK(redis.take(*pace, {{"{a}:0", ten_minutes}, {"{a}:1:bea", pair}}) == Millis{0});
    CHECK(about(redis.take(*pace, {{"{a}:0", ten_minutes}, {"{a}:1:eva", pair}}), 10));
}

TEST_CASE("WhatsApp's pair takes 45 at once, and then one in six seconds") {
    Redis redis;
    const auto pace = redis.pace();
    redis.until([&] { return pace->up(); });
    const Rate pair{45, std::chrono::seconds(6)};
    Millis wait{0};
    for (int i = 0; i < 45; ++i) wait = std::max(wait, redis.take(*pace, {{"{w}:1:ana", pair}}));
    CHECK(wait == Millis{0});
    const Millis next = redis.take(*pace, {{"{w}:1:ana", pair}}, Millis{0});
    CHECK(next > Millis{0});
    CHECK(next <= Millis{6'000});
}

TEST_CASE("without Redis each worker goes on with its share of the limit, at once") {
    Redis redis;
    const auto pace = redis.pace(true, 4);  // nothing listens there
    const Rate rate{8, std::chrono::minutes(1)};
    CHECK(redis.take(*pace, {{"{a}", rate}}) == Millis{0});
    CHECK(redis.take(*pace, {{"{a}", rate}}) == Millis{0});
    CHECK(about(redis.take(*pace, {{"{a}", rate}}), 4));
    CHECK(redis.guesses == 3);
}

TEST_CASE("the share is by the workers that Redis knew last, and comes to an end with the outage") {
    Redis redis;
    redis.proxy.start();
    const auto others = std::array{redis.pace(), redis.pace(), redis.pace()};
    const auto pace = redis.pace(true);
    redis.until([&] { return pace->workers() == 4; });
    redis.proxy.stop();
    redis.until([&] { return !pace->up(); });
    const Rate rate{8, std::chrono::minutes(1)};
    redis.take(*pace, {{"{a}", rate}});
    redis.take(*pace, {{"{a}", rate}});
    CHECK(about(redis.take(*pace, {{"{a}", rate}}), 4));
    redis.proxy.start();
    redis.until([&] { return pace->up(); });
    redis.guesses = 0;
    CHECK(redis.take(*pace, {{"{b}", ten_minutes}}) == Millis{0});
    CHECK(redis.guesses == 0);
}

TEST_CASE("a Redis that says nothing holds nobody up for longer than its deadline") {
    Redis redis;
    redis.proxy.start();
    const auto pace = redis.pace(true);
    redis.until([&] { return pace->up(); });
    redis.proxy.mute();
    const auto began = std::chrono::steady_clock::now();
    CHECK(redis.take(*pace, {{"{a}", ten_minutes}}) == Millis{0});
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
    CHECK(redis.guesses == 1);
}

TEST_CASE("workers that are gone are not counted for long") {
    Redis redis;
    const auto pace = redis.pace();
    auto other = redis.pace();
    redis.until([&] { return pace->workers() == 2; });
    other.reset();
    redis.until([&] { return pace->workers() == 1; });
}

}  // namespace relevo
