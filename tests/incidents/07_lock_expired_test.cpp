#include "tests/runtime/worker_bench.hpp"
#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

// Again and again somebody gets a stage's partitions while another one still works on them.
std::vector<std::string> problems_of_two_owners(SimSettings settings) {
    settings.processes = 2;
    Shop it(std::move(settings), {Millis{3'000}, Millis{10'000}, 20});
    for (int n = 0; n < 40; ++n) {
        it.world.clock.after(Millis{n * 500}, [&it, n] {
            it.world.write(it.shop, "customer-" + std::to_string(n % 10), "m" + std::to_string(n));
        });
    }
    for (int n = 0; n < 20; ++n) {
        it.world.clock.after(Millis{1'000 + n * 1'500}, [&it] {
            for (const auto* stage : {"resolve", "buffer", "infer", "relay"})
                it.world.expel(stage, Millis{2'000});
        });
    }
    it.world.run_for(Millis{30'000});
    return it.problems();
}

}  // namespace

TEST_CASE("incident 7: a lock expired and two handlers ran, here two owners at once send nothing twice") {
    const auto problems = problems_of_two_owners({});
    for (const auto& problem : problems) MESSAGE(problem);
    CHECK(problems.empty());
}

TEST_CASE("incident 7: one handler at a time has a conversation, however long it takes") {
    constexpr Millis longer_than_any_lock{90'000};
    int running = 0;
    int most = 0;
    WorkerBench it([&](std::vector<std::string>, int) -> Task<Outcome> {
        most = std::max(most, ++running);
        co_await it.clock.sleep_until(it.clock.now() + longer_than_any_lock);
        --running;
        co_return Emit{};
    });
    it.fetch({{"1:a", "x"}, {"1:a", "y"}, {"1:a", "z"}});
    it.run_for(longer_than_any_lock * 4);
    CHECK(it.calls == 3);
    CHECK(most == 1);
}

}  // namespace relevo
