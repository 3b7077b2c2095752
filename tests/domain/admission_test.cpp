#include "domain/admission.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "domain/local_pace.hpp"

namespace relevo {
namespace {

using Hold = Admission::Hold;

struct ManualClock final : Clock {
    SysTime now() const override { return time; }
    Task<void> sleep_until(SysTime) override { co_return; }
    SysTime time{Millis{1'700'000'000'000}};
};

struct NotingWatch final : DeliveryWatch {
    void left_alone(std::string_view, std::string_view, SysTime until) override { alone_until = until; }
    SysTime alone_until{};
};

struct Bench {
    Bench() {
        limits.pace = {{PaceLimit::Per::account, {2, Millis{1'000}}},
                       {PaceLimit::Per::recipient, {1, Millis{6'000}}}};
        limits.breaks_after = 2;
    }
    static Admission::Asker asker(const std::string& account, std::uint8_t who = 0) {
        Admission::Asker out{"fake", account, {}, {}};
        out.conversation.bytes[0] = who;
        return out;
    }
    std::variant<SysTime, Hold> slot(const Admission::Asker& asker, Millis patience = Millis{10'000}) {
        boost::asio::io_context io;
        auto got =
            boost::asio::co_spawn(io, admission.slot(asker, limits, patience), boost::asio::use_future);
        io.run();
        return got.get();
    }
    void attempt(const Admission::Asker& asker, bool away) {
        auto entered = admission.enter(asker, limits);
        Sent sent;
        sent.away = away;
        admission.ended(asker, limits, std::get<Admission::Pass>(std::move(entered)), sent);
    }
    ManualClock clock;
    LocalPace pace{clock};
    NotingWatch watch;
    ChannelLimits limits;
    Admission admission{pace, clock, watch};
};

}  // namespace

TEST_CASE("recipients of one account share its limit, and each has one of their own") {
    Bench it;
    const SysTime now = it.clock.now();
    CHECK(std::get<SysTime>(it.slot(Bench::asker("1", 1))) == now);
    CHECK(std::get<SysTime>(it.slot(Bench::asker("1", 2))) == now);
    CHECK(std::get<SysTime>(it.slot(Bench::asker("1", 3))) == now + Millis{1'000});
    CHECK(std::get<SysTime>(it.slot(Bench::asker("1", 1))) == now + Millis{6'000});
    CHECK(std::get<SysTime>(it.slot(Bench::asker("2", 1))) == now);
}

TEST_CASE("one account's outage is no other's") {
    Bench it;
    for (int n = 0; n < 2; ++n) it.attempt(Bench::asker("1"), true);
    CHECK(std::get<Hold>(it.slot(Bench::asker("1"))).reason == Hold::away);
    CHECK(std::holds_alternative<SysTime>(it.slot(Bench::asker("2"))));
}

TEST_CASE("the longer an outage lasts the longer the bubbles rest, which come back one by one") {
    Bench it;
    const auto asker = Bench::asker("1");
    it.attempt(asker, true);
    it.attempt(asker, true);
    Millis before{0};
    for (int round = 0; round < 4; ++round) {
        const auto hold = std::get<Hold>(it.slot(asker));
        const Millis rest = hold.until - it.clock.now();
        CHECK(rest > before);
        before = rest;
        it.clock.time = hold.until;
        it.attempt(asker, true);  // the probe
    }
    ReplyId early;
    ReplyId late;
    late.bytes[15] = 255;
    CHECK(spread(Millis{900'000}, early) == Millis{450'000});
    CHECK(spread(Millis{900'000}, late) > Millis{890'000});
    CHECK(spread(Millis{900'000}, late) <= Millis{900'000});
}

TEST_CASE("while an account is left alone it is said again at every refusal, and for how long at most") {
    Bench it;
    const auto asker = Bench::asker("1");
    it.attempt(asker, true);
    CHECK(it.watch.alone_until == SysTime{});
    it.attempt(asker, true);
    const Millis longest = it.limits.retries.back();
    CHECK(it.watch.alone_until == it.clock.now() + longest);
    it.clock.time += Millis{1'000};
    const auto hold = std::get<Hold>(it.slot(asker));
    CHECK(it.watch.alone_until == it.clock.now() + longest);
    CHECK(hold.until <= it.watch.alone_until);
    it.clock.time = hold.until;
    it.attempt(asker, true);  // the probe
    CHECK(it.watch.alone_until == it.clock.now() + longest);
}

TEST_CASE("a pass that is not used gives the probe's place to the next one") {
    Bench it;
    const auto asker = Bench::asker("1");
    it.attempt(asker, true);
    it.attempt(asker, true);
    it.clock.time += Millis{5'000};
    { const auto unused = it.admission.enter(asker, it.limits); }
    it.attempt(asker, false);
    CHECK(std::holds_alternative<SysTime>(it.slot(asker)));
}

TEST_CASE(
    "a schedule's last wait is that of all later attempts, and a provider's own wish is the least of each") {
    const std::vector<Millis> schedule{Millis{5}, Millis{30}};
    CHECK(retry_wait(schedule, 1, std::nullopt) == Millis{5});
    CHECK(retry_wait(schedule, 2, std::nullopt) == Millis{30});
    CHECK(retry_wait(schedule, 9, std::nullopt) == Millis{30});
    CHECK(retry_wait(schedule, 1, Millis{12}) == Millis{12});
}

}  // namespace relevo
