#include "tests/simulation/shop.hpp"

namespace relevo {

// Its 400 conversations take the model 20 s of all its places.
TEST_CASE(
    "incident 12: one tenant starved all others, here a campaign's backlog delays nobody else's answer") {
    SimWorld world({});
    const BurstPolicy window{Millis{1'000}, Millis{5'000}, 20};
    const Account shop = world.add_shop(1, "shop", window);
    const Account campaign = world.add_shop(2, "campaign", window);
    for (auto& stage : world.pipeline.stages) stage.limits.running = stage.limits.running_per_tenant = 20;
    world.start();
    for (int n = 0; n < 400; ++n) world.write(campaign, "target-" + std::to_string(n), "precio");
    world.run_for(Millis{2'000});
    const SysTime wrote = world.clock.now();
    world.write(shop, "ana", "hola");
    world.run_for(Millis{8'000});
    const auto bubbles = world.bubbles(shop, "ana");
    REQUIRE_FALSE(bubbles.empty());
    CHECK(bubbles.front().at - wrote < Millis{4'000});  // 1 s of silence, a model's 2 s
    const auto answered = [&] {
        std::size_t count = 0;
        for (const auto& [id, turn] : world.database.tenants.at({2}).turns)
            count += turn.status == SimTurn::Status::answered;
        return count;
    };
    CHECK(answered() < 300);
    CHECK(world.settle());
    CHECK(answered() == 400);
}

// Each stage has few places, and the neighbour fills what it may.
TEST_CASE("incident 12: no stage gives all its places to one tenant, however slow its work is") {
    SimSettings settings;
    settings.rates.model_hangs = 1;
    Shop it(settings, {Millis{1'000}, Millis{5'000}, 20});
    for (const auto& stage : it.world.pipeline.stages) {
        CAPTURE(stage.name);
        CHECK(stage.limits.running_per_tenant * 2 <= stage.limits.running);
    }
    const Account slow = it.world.add_shop(2, "slow", it.shop.window);
    const auto places = it.world.pipeline.find_stage("infer")->limits.running;
    for (std::size_t n = 0; n < 4 * places; ++n) it.world.write(slow, "c-" + std::to_string(n), "precio");
    it.world.run_for(Millis{3'000});
    it.world.settings.rates.model_hangs = 0;
    it.world.write(it.shop, "ana", "hola");
    it.world.run_for(Millis{5'000});
    CHECK_FALSE(it.texts().empty());
}

}  // namespace relevo
