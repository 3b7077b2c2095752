#include "gateway/endpoint_cache.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tests/http/loopback.hpp"

using namespace relevo;

namespace {

struct SignedChannel final : Channel {
    std::string_view name() const override { return "signed"; }
    std::string_view credentials() const override { return "signed"; }
    std::string_view verification_secret() const override { return "SECRET"; }
    ChannelLimits limits() const override { return {}; }
    Result<void> verify(const HttpRequest&, const Secret&) const override {
        return boost::system::in_place_value;
    }
    Result<Parsed> parse(const HttpRequest&) const override { return Parsed{}; }
    Task<Sent> send(Outbound, DeliveryPermit) override { co_return Sent{}; }
};

struct Shop final : EndpointStore, Vault {
    bool away = false;
    int asked = 0;
    std::int64_t changes = 0;
    std::string secret = "first";

    Task<std::optional<Endpoint>> find(std::string channel, std::string key) override {
        ++asked;
        check();
        if (key != "known") co_return std::nullopt;
        co_return Endpoint{EndpointId{1}, TenantId{7}, channel, "account"};
    }
    Task<std::vector<std::pair<std::string, std::string>>> keys() override {
        co_return std::vector<std::pair<std::string, std::string>>{{"signed", "known"}};
    }
    Task<std::int64_t> secret_changes() override {
        check();
        co_return changes;
    }
    Task<Secret> find(TenantId, std::string, std::string) override { co_return Secret(secret); }

    void change(std::string to) {
        secret = std::move(to);
        ++changes;
    }
    void check() const {
        if (away) throw Failure({Fault::transient, "postgres.unavailable", "away"});
    }
};

// Time passes when somebody sleeps; `stop` ends who would sleep for ever.
struct SleepersClock final : Clock {
    SysTime now() const override { return at; }
    Task<void> sleep_until(SysTime until) override {
        if (sleeps-- == 0) throw Stopped{};
        at = std::max(at, until);
        co_await boost::asio::post(boost::asio::use_awaitable);
    }
    struct Stopped {};
    SysTime at = from_millis(1'780'000'000'000);
    int sleeps = 0;
};

struct Bench {
    static Channels make_channels() {
        std::vector<std::unique_ptr<Channel>> all;
        all.push_back(std::make_unique<SignedChannel>());
        return Channels(std::move(all));
    }
    std::string secret(const char* key = "known") {
        clock.sleeps = 1;  // the bound of a look-up
        const auto found = loopback::run(io, cache.find("signed", key));
        return found ? found->verification.reveal() : "nobody's";
    }
    void watch(int times) {
        clock.sleeps = times;
        CHECK_THROWS_AS(loopback::run(io, cache.watch_changes()), SleepersClock::Stopped);
    }

    boost::asio::io_context io;
    Shop shop;
    SleepersClock clock;
    Channels channels = make_channels();
    EndpointCache cache{shop, shop, channels, clock};
};

}  // namespace

TEST_CASE("an address is read once, and not again while nothing changes") {
    Bench it;
    CHECK(it.secret() == "first");
    it.watch(3);
    CHECK(it.secret() == "first");
    CHECK(it.shop.asked == 1);
    CHECK(it.secret("unknown") == "nobody's");
}

TEST_CASE("a secret that was changed verifies nothing any more once the change is seen") {
    Bench it;
    CHECK(it.secret() == "first");
    it.shop.change("second");
    it.watch(1);
    CHECK(it.secret() == "second");
    CHECK(it.secret() == "second");
    CHECK(it.shop.asked == 2);
}

TEST_CASE("who asked is told of each change once it is seen, and of nothing else") {
    Bench it;
    it.shop.changes = 5;
    loopback::run(it.io, it.cache.preload());
    int told = 0;
    it.cache.on_change([&told] { ++told; });
    it.watch(2);
    CHECK(told == 0);
    it.shop.change("second");
    it.watch(2);
    CHECK(told == 1);
    it.shop.away = true;
    it.watch(1);
    CHECK(told == 1);
}

TEST_CASE("while the database is away a webhook is verified with what is known") {
    Bench it;
    CHECK(it.secret() == "first");
    it.shop.change("second");
    it.watch(1);
    it.shop.away = true;
    it.watch(2);
    CHECK(it.secret() == "first");
    it.shop.away = false;
    CHECK(it.secret() == "second");
}

TEST_CASE("what was read at the start counts until a secret changes") {
    Bench it;
    it.shop.changes = 5;
    loopback::run(it.io, it.cache.preload());
    it.watch(1);
    CHECK(it.secret() == "first");
    CHECK(it.shop.asked == 1);
}

TEST_CASE("a preload that failed may be tried again, and then webhooks need no database") {
    Bench it;
    it.shop.away = true;
    CHECK_THROWS_AS(loopback::run(it.io, it.cache.preload()), Failure);
    it.shop.away = false;
    CHECK_FALSE(it.cache.preloaded());
    loopback::run(it.io, it.cache.preload());
    CHECK(it.cache.preloaded());
    it.shop.away = true;
    it.watch(1);
    CHECK(it.cache.preloaded());
    CHECK(it.secret() == "first");
}

TEST_CASE("the watch for changed secrets reads no addresses, after a preload that failed neither") {
    Bench it;
    it.shop.away = true;
    CHECK_THROWS_AS(loopback::run(it.io, it.cache.preload()), Failure);
    it.shop.away = false;
    it.watch(3);
    CHECK(it.shop.asked == 0);
    CHECK_FALSE(it.cache.preloaded());
}

TEST_CASE("a change that a preload sees first is told of, once") {
    Bench it;
    loopback::run(it.io, it.cache.preload());
    int told = 0;
    it.cache.on_change([&told] { ++told; });
    it.shop.change("second");
    loopback::run(it.io, it.cache.preload());
    it.watch(2);
    CHECK(told == 1);
}
