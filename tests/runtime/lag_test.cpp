#include "runtime/lag.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

PartitionLag row(std::string group, int partition, std::int64_t committed, std::int64_t end,
                 std::int64_t held = 0, std::optional<SysTime> oldest = {}) {
    return {
        group, group, "topic", partition, end, committed, end - std::max<std::int64_t>(committed, 0) - held,
        held,  oldest};
}

SysTime at(int seconds) {
    return from_millis(1'000'000 + seconds * 1'000);
}

}  // namespace

TEST_CASE("rate and drain come from two looks, and count what came in between") {
    const LagSample before{at(0), {row("a", 0, 100, 400)}};
    const LagSample now{at(10), {row("a", 0, 200, 450, 20, at(4))}};
    const auto rows = measure_lag(now, before);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].rate == 10.0);
    CHECK(rows[0].oldest_age == Millis{6'000});
    CHECK(rows[0].drains_in == Millis{50'000});  // 250 are left, and there are 5 less each second
}

TEST_CASE("who falls behind does not drain, and who has nothing left has drained") {
    const LagSample before{at(0), {row("a", 0, 0, 100), row("b", 0, 50, 50)}};
    const LagSample now{at(1), {row("a", 0, 10, 200), row("b", 0, 60, 60)}};
    const auto rows = measure_lag(now, before);
    CHECK_FALSE(rows[0].drains_in);
    CHECK(rows[0].rate == 10.0);
    CHECK(rows[1].drains_in == Millis{0});
    CHECK(rows[1].rate == 10.0);
}

TEST_CASE("one look knows no rate") {
    const auto rows = measure_lag({at(0), {row("a", 0, -1, 5)}}, {});
    CHECK_FALSE(rows[0].rate);
    CHECK_FALSE(rows[0].drains_in);
    CHECK(rows[0].now.behind == 5);
}

TEST_CASE("a group's line sums its partitions and has the oldest of their oldest") {
    const LagSample before{at(0), {row("a", 0, 10, 20), row("a", 1, 10, 20), row("b", 0, 0, 0)}};
    const LagSample now{at(10),
                        {row("a", 0, 15, 20, 1, at(5)), row("a", 1, 15, 20, 2, at(3)), row("b", 0, 0, 0)}};
    const auto rows = by_group(now, before);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].now.partition == -1);
    CHECK(rows[0].now.behind == 7);
    CHECK(rows[0].now.held == 3);
    CHECK(rows[0].oldest_age == Millis{7'000});
    CHECK(rows[0].rate == 1.0);
    CHECK(rows[0].drains_in == Millis{10'000});
    CHECK(rows[1].now.group == "b");
}
