#include "redis/live.hpp"

#include <doctest/doctest.h>
#include <hiredis/hiredis.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <optional>
#include <thread>

#include "tests/redis/proxy.hpp"

namespace relevo {
namespace {

namespace asio = boost::asio;
using Events = std::vector<std::string>;

std::string redis_url() {
    const char* const url = std::getenv("RELEVO_TEST_REDIS");
    REQUIRE_MESSAGE(url != nullptr, "set RELEVO_TEST_REDIS to a Redis's URL; ./dev test does");
    return url;
}

struct Redis {
    asio::io_context io;
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
    SeededRandom random{1};
    std::string url = redis_url();
    RedisAddress address = parse_redis_url(url).value();
    // No other test and no other run hears ours.
    std::string installation = SystemRandom().hex(8);
    RedisProxy proxy{io, {asio::ip::make_address(address.host), address.port}};
    RedisTimes times{.connect_deadline = Millis{500},
                     .command_deadline = Millis{300},
                     .ping_every = Millis{100},
                     .reconnect = {.first = Millis{10}, .factor = 2.0, .max = Millis{50}, .park_after = {}}};

    RedisLiveSettings settings() const { return {url, installation, times, 10'000}; }
    RedisLiveSettings by_proxy() const {
        auto out = settings();
        out.url = "redis://127.0.0.1:" + std::to_string(proxy.port());
        return out;
    }
    // Runs until it holds; a test that waits in vain fails here.
    void until(const std::function<bool()>& holds) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!holds()) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            io.run_one_for(std::chrono::milliseconds(20));
        }
    }
    std::unique_ptr<Subscription> collect(RedisLive& live, const std::string& channel, Events& events) {
        auto ticket =
            live.subscribe(channel, [&events](std::string_view payload) { events.emplace_back(payload); });
        const auto before = events.size();
        until([&] { return events.size() > before; });
        CHECK(events.back() == "");
        return ticket;
    }
    bool ping(RedisLive& live) {
        std::optional<bool> answer;
        asio::co_spawn(
            io, [&live]() -> Task<bool> { co_return co_await live.ping(); },
            [&answer](std::exception_ptr error, bool ok) { answer = !error && ok; });
        until([&] { return answer.has_value(); });
        return *answer;
    }
    void until_up(RedisLive& live) {
        until([&] { return ping(live); });
    }
};

// Kills the connection of that name, as an operator would. Gives whether there was one.
bool kill_client(const RedisAddress& address, const std::string& name) {
    const std::unique_ptr<redisContext, decltype(&redisFree)> redis(
        redisConnect(address.host.c_str(), address.port), &redisFree);
    REQUIRE(redis->err == 0);
    const auto ask = [&](const std::string& command) {
        auto* const reply = static_cast<redisReply*>(redisCommand(redis.get(), command.c_str()));
        REQUIRE(reply != nullptr);
        const std::string text = reply->str == nullptr ? "" : std::string(reply->str, reply->len);
        const bool ok = reply->type != REDIS_REPLY_ERROR;
        freeReplyObject(reply);
        REQUIRE_MESSAGE(ok, text);
        return text;
    };
    const auto list = ask("CLIENT LIST");
    const auto at = list.find(" name=" + name + " ");
    if (at == std::string::npos) return false;
    const auto line = list.rfind("id=", at);
    ask("CLIENT KILL ID " + list.substr(line + 3, list.find(' ', line) - line - 3));
    return true;
}

}  // namespace

TEST_CASE("every subscriber of a channel hears its events in order, and nobody else does") {
    Redis redis;
    RedisLive here(redis.io, redis.settings(), redis.random);
    RedisLive there(redis.io, redis.settings(), redis.random);
    auto foreign_settings = redis.settings();
    foreign_settings.installation += "x";
    RedisLive foreign(redis.io, foreign_settings, redis.random);
    Events first, second, third, other, stranger;
    const auto a = redis.collect(here, "c1", first);
    const auto b = redis.collect(there, "c1", second);
    const auto c = redis.collect(there, "c1", third);
    const auto d = redis.collect(there, "c2", other);
    const auto e = redis.collect(foreign, "c1", stranger);
    for (int i = 0; i < 100; ++i) here.publish("c1", "e" + std::to_string(i));
    here.publish("c2", "last");
    redis.until([&] { return first.size() == 101 && second.size() == 101 && third.size() == 101; });
    redis.until([&] { return other.size() == 2; });
    for (int i = 0; i < 100; ++i) CHECK(second[static_cast<std::size_t>(i) + 1] == "e" + std::to_string(i));
    CHECK(first == second);
    CHECK(first == third);
    CHECK(other.back() == "last");
    CHECK(stranger == Events{""});
    CHECK(here.dropped() == 0);
}

TEST_CASE("payloads may hold any byte") {
    Redis redis;
    RedisLive live(redis.io, redis.settings(), redis.random);
    Events events;
    const auto ticket = redis.collect(live, "c", events);
    const std::string payload("\0\r\n$5 %s ñ", 11);
    live.publish("c", payload);
    redis.until([&] { return events.size() == 2; });
    CHECK(events[1] == payload);
}

TEST_CASE("a subscription that ended hears nothing more, another one of its channel does") {
    Redis redis;
    RedisLive live(redis.io, redis.settings(), redis.random);
    Events ended, going;
    auto first = redis.collect(live, "c", ended);
    auto second = redis.collect(live, "c", going);
    first.reset();
    live.publish("c", "a");
    redis.until([&] { return going.size() == 2; });
    CHECK(ended == Events{""});
    second.reset();
    auto again = redis.collect(live, "c", ended);
    live.publish("c", "b");
    redis.until([&] { return ended.size() == 3; });
    CHECK(ended == Events{"", "", "b"});
    CHECK(going == Events{"", "a"});
}

TEST_CASE("a subscription can end within its own callback") {
    Redis redis;
    RedisLive live(redis.io, redis.settings(), redis.random);
    Events all;
    int heard = 0;
    std::unique_ptr<Subscription> once;
    once = live.subscribe("c", [&](std::string_view payload) {
        if (payload.empty()) return;
        ++heard;
        once.reset();
    });
    const auto ticket = redis.collect(live, "c", all);
    live.publish("c", "a");
    live.publish("c", "b");
    redis.until([&] { return all.size() == 3; });
    CHECK(heard == 1);
}

TEST_CASE(
    "subscriptions come back after their connection was killed, and learn that they may have missed events") {
    Redis redis;
    RedisLive live(redis.io, redis.settings(), redis.random);
    Events one, two;
    const auto a = redis.collect(live, "c1", one);
    const auto b = redis.collect(live, "c2", two);
    REQUIRE(kill_client(redis.address, "relevo:" + redis.installation + ":subscribe"));
    redis.until([&] { return one.size() == 2 && two.size() == 2; });
    CHECK(one.back() == "");
    CHECK(two.back() == "");
    live.publish("c1", "after");
    redis.until([&] { return one.size() == 3; });
    CHECK(one.back() == "after");
}

TEST_CASE("publishing goes on after its connection was killed") {
    Redis redis;
    RedisLive live(redis.io, redis.settings(), redis.random);
    Events events;
    const auto ticket = redis.collect(live, "c", events);
    redis.until_up(live);
    REQUIRE(kill_client(redis.address, "relevo:" + redis.installation + ":publish"));
    redis.until([&] { return !redis.ping(live); });
    redis.until_up(live);
    live.publish("c", "after");
    redis.until([&] { return events.back() == "after"; });
}

TEST_CASE("while Redis is away events wait, and are told in order when it is there") {
    Redis redis;
    RedisLive away(redis.io, redis.by_proxy(), redis.random);
    RedisLive listener(redis.io, redis.settings(), redis.random);
    Events events;
    const auto ticket = redis.collect(listener, "c", events);
    CHECK_FALSE(redis.ping(away));
    for (int i = 0; i < 20; ++i) away.publish("c", std::to_string(i));
    redis.proxy.start();
    redis.until([&] { return events.size() == 21; });
    for (int i = 0; i < 20; ++i) CHECK(events[static_cast<std::size_t>(i) + 1] == std::to_string(i));
    CHECK(away.dropped() == 0);
}

TEST_CASE("while Redis is away each subscriber is told to look for itself, and no more once it is back") {
    Redis redis;
    auto settings = redis.by_proxy();
    settings.look_every = Millis{20};
    RedisLive live(redis.io, settings, redis.random);
    Events events;
    const auto never_up =
        live.subscribe("c", [&](std::string_view payload) { events.emplace_back(payload); });
    redis.until([&] { return events.size() >= 3; });
    redis.proxy.start();
    redis.until_up(live);
    live.publish("c", "last");
    redis.until([&] { return events.back() == "last"; });
    redis.proxy.stop();
    redis.until([&] { return events.back().empty(); });
    CHECK(std::count(events.begin(), events.end(), "last") == 1);
}

TEST_CASE("above the queue's bound events are dropped and counted") {
    Redis redis;
    auto settings = redis.by_proxy();
    settings.max_queued = 5;
    RedisLive away(redis.io, settings, redis.random);
    RedisLive listener(redis.io, redis.settings(), redis.random);
    Events events;
    const auto ticket = redis.collect(listener, "c", events);
    for (int i = 0; i < 8; ++i) away.publish("c", std::to_string(i));
    CHECK(away.dropped() == 3);
    redis.proxy.start();
    redis.until([&] { return events.size() == 6; });
    CHECK(events.back() == "4");
    redis.until_up(away);
    away.publish("c", "room again");
    redis.until([&] { return events.back() == "room again"; });
}

TEST_CASE("a server that goes and comes back is found again by both connections") {
    Redis redis;
    redis.proxy.start();
    RedisLive live(redis.io, redis.by_proxy(), redis.random);
    Events events;
    const auto ticket = redis.collect(live, "c", events);
    redis.until_up(live);
    for (int round = 0; round < 3; ++round) {
        redis.proxy.stop();
        redis.until([&] { return !redis.ping(live); });
        events.clear();
        redis.proxy.start();
        redis.until([&] { return !events.empty(); });
        CHECK(events == Events{""});
        redis.until_up(live);
        live.publish("c", "x");
        redis.until([&] { return events.size() == 2; });
    }
}

TEST_CASE("a peer that vanished without a word is noticed, and its connection replaced") {
    Redis redis;
    redis.proxy.start();
    RedisLive live(redis.io, redis.by_proxy(), redis.random);
    Events events;
    const auto ticket = redis.collect(live, "c", events);
    redis.until_up(live);
    redis.proxy.mute();
    CHECK_FALSE(redis.ping(live));  // by the deadline: there is no other way
    redis.until([&] { return events.size() == 2; });
    CHECK(events.back() == "");
    redis.until_up(live);
}

TEST_CASE("who waits no longer for a peer that is mute goes on at once, and its answer then reaches nobody") {
    Redis redis;
    redis.times.command_deadline = Millis{5'000};
    redis.times.ping_every = Millis{60'000};
    redis.proxy.start();
    RedisLive live(redis.io, redis.by_proxy(), redis.random);
    redis.until_up(live);
    redis.proxy.mute();
    const auto begun = std::chrono::steady_clock::now();
    std::optional<std::size_t> first;
    asio::co_spawn(
        redis.io,
        [&live]() -> Task<std::size_t> {
            using namespace asio::experimental::awaitable_operators;
            asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(50));
            const auto ended = co_await (live.ping() || timer.async_wait(asio::use_awaitable));
            co_return ended.index();
        },
        [&first](std::exception_ptr, std::size_t index) { first = index; });
    redis.until([&] { return first.has_value(); });
    CHECK(first == 1);
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(3));
}

TEST_CASE("a Redis that refuses our database is away, not half there") {
    Redis redis;
    auto settings = redis.settings();
    settings.url = redis.by_proxy().url + "/9999";
    redis.proxy.start();
    RedisLive live(redis.io, settings, redis.random);
    bool heard = false;
    const auto ticket = live.subscribe("c", [&](std::string_view) { heard = true; });
    redis.until([&] { return redis.proxy.accepted() >= 6; });  // it keeps trying
    CHECK_FALSE(redis.ping(live));
    CHECK_FALSE(heard);
}

TEST_CASE("a name that nobody knows is no reason to stop") {
    Redis redis;
    auto settings = redis.settings();
    settings.url = "redis://no-such-host.invalid";
    RedisLive live(redis.io, settings, redis.random);
    live.publish("c", "x");
    CHECK_FALSE(redis.ping(live));
}

TEST_CASE("an address that is none is refused at once") {
    asio::io_context io;
    SeededRandom random(1);
    CHECK_THROWS_AS(RedisLive(io, {.url = "nonsense", .installation = "i", .times = {}}, random), Failure);
}

TEST_CASE("any thread may publish and subscribe, and each thread's events stay in order") {
    Redis redis;
    RedisLive live(redis.io, redis.settings(), redis.random);
    constexpr int threads = 4;
    constexpr int each = 250;
    std::vector<Events> heard(threads);
    std::vector<std::unique_ptr<Subscription>> tickets(threads);
    for (std::size_t i = 0; i < threads; ++i) {
        tickets[i] = redis.collect(live, "c" + std::to_string(i), heard[i]);
    }
    std::vector<std::jthread> writers;
    for (int i = 0; i < threads; ++i) {
        writers.emplace_back([&live, i] {
            for (int n = 0; n < each; ++n) {
                live.publish("c" + std::to_string(i), std::to_string(n));
                const auto short_one =
                    live.subscribe("c" + std::to_string(n % threads), [](std::string_view) {});
            }
        });
    }
    const auto numbers = [&](std::size_t i) {
        Events out;
        std::ranges::copy_if(heard[i], std::back_inserter(out),
                             [](const auto& event) { return !event.empty(); });
        return out;
    };
    Events expected;
    for (int n = 0; n < each; ++n) expected.push_back(std::to_string(n));
    for (std::size_t i = 0; i < threads; ++i) {
        redis.until([&] { return numbers(i).size() >= each; });
        CHECK(numbers(i) == expected);
    }
}

TEST_CASE("it can end while its io_context runs no more, with events and answers on their way") {
    Redis redis;
    Events events;
    auto live = std::make_unique<RedisLive>(redis.io, redis.settings(), redis.random);
    auto ticket = redis.collect(*live, "c", events);
    for (int i = 0; i < 50; ++i) live->publish("c", "x");
    redis.io.run_one();
    redis.io.stop();
    live.reset();
    ticket.reset();
}

TEST_CASE("a subscription may outlive it") {
    Redis redis;
    Events events;
    std::unique_ptr<Subscription> ticket;
    {
        RedisLive live(redis.io, redis.settings(), redis.random);
        ticket = redis.collect(live, "c", events);
    }
    redis.work.reset();
    redis.io.run();  // ends: nothing of it is left that waits
    ticket.reset();
}

}  // namespace relevo
