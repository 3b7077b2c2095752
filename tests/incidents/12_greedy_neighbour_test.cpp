#include "tests/incidents/shop.hpp"

namespace relevo {

TEST_CASE(
    "incident 12: one tenant starved all others, here 2,000 conversations of one do not delay another's "
    "answer") {
    SimSettings settings;
    settings.max_open_turns = 200;
    Shop it(settings);
    const Account campaign = it.world.add_shop(2, "campaign", {Millis{1'000}, Millis{5'000}, 20});
    for (int n = 0; n < 2'000; ++n) it.world.write(campaign, "target-" + std::to_string(n), "precio");
    it.world.run_for(Millis{500});
    const SysTime wrote = it.world.clock.now();
    it.world.write(it.shop, "ana", "hola");
    it.world.run_for(Millis{30'000});
    const auto bubbles = it.world.bubbles(it.shop, "ana");
    REQUIRE_FALSE(bubbles.empty());
    CHECK(bubbles.front().at - wrote < Millis{22'000});  // 16 s of silence, a model's 2 s
    CHECK(it.world.settle());
    std::size_t answered = 0;
    for (const auto& [id, turn] : it.world.database.tenants.at({2}).turns)
        answered += turn.status == SimTurn::Status::answered;
    CHECK(answered == 2'000);
}

// Each stage has few places, and the neighbour fills what it may.
TEST_CASE("incident 12: no stage gives all its places to one tenant, however slow its work is") {
    SimSettings settings;
    settings.rates.longest_model = Millis{60'000};
    Shop it(settings, {Millis{1'000}, Millis{5'000}, 20});
    for (const auto& stage : it.world.pipeline.stages) {
        CAPTURE(stage.name);
        CHECK(stage.limits.running_per_tenant * 2 <= stage.limits.running);
    }
    const Account slow = it.world.add_shop(2, "slow", it.shop.window);
    const auto places = it.world.pipeline.find_stage("infer")->limits.running;
    for (std::size_t n = 0; n < 4 * places; ++n) it.world.write(slow, "c-" + std::to_string(n), "precio");
    it.world.run_for(Millis{3'000});
    it.world.settings.rates.longest_model = Millis{1'000};
    it.world.write(it.shop, "ana", "hola");
    it.world.run_for(Millis{5'000});
    CHECK_FALSE(it.texts().empty());
}

}  // namespace relevo
