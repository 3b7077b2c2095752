#include "tests/runtime/worker_bench.hpp"
#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

// What the broker was told, and should not have been, while partitions went to others during the work on
// them.
std::vector<std::string> wrong_commits(SimSettings settings) {
    settings.processes = 2;
    settings.rates.longest_model = Millis{8'000};
    settings.rates.longest_commit = Millis{400};
    Shop it(std::move(settings), {Millis{2'000}, Millis{8'000}, 20});
    for (int n = 0; n < 30; ++n) it.world.write(it.shop, "c" + std::to_string(n), "m" + std::to_string(n));
    for (const auto* stage : {"resolve", "buffer", "infer", "relay"}) {
        // it learns of it long after
        it.world.clock.after(Millis{4'000}, [&it, stage] { it.world.expel(stage, Millis{20'000}); });
    }
    it.world.run_for(Millis{20'000});
    return it.world.log.problems();
}

}  // namespace

TEST_CASE(
    "incident 17: an offset stored after the revoke rewound the group, here an old completion does nothing") {
    WorkerBench it([&it](std::vector<std::string> values, int) -> Task<Outcome> {
        co_await it.clock.sleep_until(it.clock.now() + Millis{10'000});
        std::vector<Record> out;
        out.push_back({"output", "key", values.front(), {}});
        co_return Emit{std::move(out)};
    });
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{500});
    it.source.push(Revoked{{0}, true});  // lost: somebody else has it already
    it.run_for(Millis{500});
    CHECK(it.has("release"));
    it.source.push(Assigned{{0}});
    it.next_offset = 0;
    it.run_for(Millis{6'000});
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{9'000});
    CHECK_FALSE(it.has("commit 0:1"));
    CHECK(it.published.empty());
    it.run_for(Millis{2'000});
    CHECK(it.has("commit 0:1"));
    CHECK(it.count("publish x") == 1);
}

TEST_CASE("incident 17: no rebalance commits an offset past an unfinished record, or takes one back") {
    CHECK(wrong_commits({}).empty());
    CHECK_FALSE(wrong_commits(with_bug("revoke-ignored")).empty());

    SimSettings settings;
    settings.processes = 3;
    settings.rates.longest_model = Millis{8'000};
    settings.rates.longest_commit = Millis{400};
    Shop it(settings, {Millis{2'000}, Millis{8'000}, 20});
    for (int n = 0; n < 30; ++n) it.world.write(it.shop, "c" + std::to_string(n), "m" + std::to_string(n));
    for (int n = 0; n < 12; ++n) {
        it.world.clock.after(Millis{1'000 + n * 1'200}, [&it, n] {
            for (const auto* stage : {"resolve", "buffer", "infer", "relay"})
                it.world.expel(stage, Millis{1'500});
            if (n % 4 == 0) it.world.pause(static_cast<std::size_t>(n / 4), Millis{7'000});
        });
    }
    it.world.run_for(Millis{25'000});
    it.check_well();
}

}  // namespace relevo
