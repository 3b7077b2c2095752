#include <algorithm>

#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

constexpr BurstPolicy window{Millis{3'000}, Millis{10'000}, 20};

}  // namespace

TEST_CASE("a process may die at any point of a message's way: the customer gets every bubble once") {
    for (const std::string point : {"find_account.before",
                                    "store_message.before",
                                    "store_message.committed",
                                    "publish.before:resolve",
                                    "publish.after:resolve",
                                    "claim_turn.before",
                                    "claim_turn.committed",
                                    "publish.before:buffer",
                                    "publish.after:buffer",
                                    "turn_text.committed",
                                    "freeze_step.committed",
                                    "publish.before:retrieve",
                                    "publish.after:retrieve",
                                    "load.committed",
                                    "model.before",
                                    "model.after",
                                    "commit_answer.before",
                                    "commit_answer.committed",
                                    "publish.before:infer",
                                    "publish.after:infer",
                                    "ask_for_reply.before",
                                    "claim_reply.before",
                                    "finish_reply.committed",
                                    "settle.before",
                                    "settle.committed"}) {
        CAPTURE(point);
        for (int processes = 1; processes <= 2; ++processes) {
            SimSettings settings;
            settings.processes = processes;
            SimWorld world(settings);
            const Account shop = world.add_shop(1, "shop", window);
            world.start();
            world.crash_at(point);
            world.write(shop, "ana", "hola");
            world.write(shop, "ana", "tienen puntas");
            check_well(world);
            CHECK(world.crashes() == 1);
            CHECK(world.provider.bubbles.size() == 4);
            CHECK(unknown_replies(world) == 0);
        }
    }
}

TEST_CASE("bubbles that rest go in their order, however long nobody was there to wake them") {
    SimSettings settings;
    settings.processes = 2;
    settings.layout = {{"resolve", "buffer", "retrieve", "infer", "relay", "settle"}, {"wake"}};
    settings.restart_after = Millis{20 * 60'000};
    settings.rates.provider_refuses = 1;
    SimWorld world(settings);
    const Account shop = world.add_shop(1, "shop", window);
    world.start();
    for (int n = 0; n < 8; ++n) world.write(shop, "customer-" + std::to_string(n), "hola");
    world.run_for(Millis{90'000});
    REQUIRE(world.provider.bubbles.empty());
    world.kill(1);
    world.run_for(Millis{60'000});
    world.settings.rates.provider_refuses = 0;
    world.run_for(settings.restart_after);
    check_well(world);
    for (int n = 0; n < 8; ++n) {
        const auto bubbles = world.bubbles(shop, "customer-" + std::to_string(n));
        REQUIRE(bubbles.size() == 3);
        CHECK(bubbles.front().text == "hello");
        CHECK(bubbles.back().text == "bye");
    }
}

TEST_CASE("a fallback that was decided before a crash still reaches the customer") {
    for (const std::string point : {"fail_turn.committed", "publish.before:infer"}) {
        CAPTURE(point);
        SimSettings settings;
        settings.rates.model_gives_up = 1;
        SimWorld world(settings);
        const Account shop = world.add_shop(1, "shop", window);
        world.start();
        world.crash_at(point);
        world.write(shop, "ana", "hola");
        check_well(world);
        CHECK(world.crashes() == 1);
        REQUIRE(world.provider.bubbles.size() == 1);
        CHECK(world.provider.bubbles.front().text == "fallback");
    }
}

TEST_CASE("a process that stops hands over what it has, and loses nothing") {
    SimSettings settings;
    settings.processes = 2;
    SimWorld world(settings);
    const Account shop = world.add_shop(1, "shop", window);
    world.start();
    for (int n = 0; n < 100; ++n) {
        for (int m = 0; m < 3; ++m) {
            world.write(shop, "customer-" + std::to_string(n),
                        "m" + std::to_string(n) + "." + std::to_string(m));
        }
    }
    world.run_for(Millis{5'000});
    world.stop(0);
    world.run_for(Millis{10'000});
    CHECK(world.alive() == 1);
    check_well(world);
    CHECK(unknown_replies(world) == 0);
    for (int n = 0; n < 100; ++n) CHECK(world.bubbles(shop, "customer-" + std::to_string(n)).size() == 5);
}

TEST_CASE("a process that stood still and gets its partitions back sends no bubble twice") {
    // the handlers of the old assignment wake together with those of the new one
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        SimSettings settings;
        settings.seed = seed;
        SimWorld world(settings);
        const Account shop = world.add_shop(1, "shop", window);
        world.start();
        for (int n = 0; n < 20; ++n)
            world.write(shop, "customer-" + std::to_string(n), "m" + std::to_string(n));
        while (world.provider.bubbles.size() < 20) world.run_for(Millis{10});
        world.pause(0, Millis{8'000});  // the next bubbles are due meanwhile
        check_well(world);
        CHECK(world.provider.bubbles.size() + unknown_replies(world) >= 60);
    }
}

TEST_CASE("a database that is away for 90 s delays answers and loses none of them") {
    SimWorld world({});
    const Account shop = world.add_shop(1, "shop", window);
    world.start();
    world.write(shop, "ana", "hola");
    world.run_for(Millis{6'000});
    const auto before = world.provider.bubbles.size();
    world.settings.rates.store_refuses = 1;
    world.write(shop, "ana", "sigue ahí?");
    world.write(shop, "bea", "buenas");
    world.run_for(Millis{90'000});
    CHECK(world.provider.bubbles.size() <= before + 1);
    world.settings.rates.store_refuses = 0;
    const SysTime back = world.clock.now();
    check_well(world);
    CHECK(world.provider.bubbles.back().at - back < Millis{150'000});
}

TEST_CASE("a database that is away for 30 s makes no delivery unknown") {
    SimSettings settings;
    settings.rates.provider_loses_receipt = 1;
    SimWorld world(settings);
    const Account shop = world.add_shop(1, "shop", window);
    world.start();
    for (int n = 0; n < 50; ++n) world.write(shop, "customer-" + std::to_string(n), "m" + std::to_string(n));
    while (world.provider.bubbles.empty()) world.run_for(Millis{1});
    world.run_for(Millis{300});  // in the middle of many sends
    world.settings.rates.store_refuses = 1;
    world.run_for(Millis{30'000});
    world.settings.rates.store_refuses = 0;
    check_well(world);
    CHECK(unknown_replies(world) == 0);
    CHECK(world.provider.bubbles.size() == 150);
}

TEST_CASE("bubbles that were parked do not wait for each other in their lane") {
    SimWorld world({});
    const Account shop = world.add_shop(1, "shop", window);
    world.start();
    for (int n = 0; n < 10; ++n) world.write(shop, "ana", "m" + std::to_string(n));
    world.run_for(Millis{8'000});
    REQUIRE_FALSE(world.provider.bubbles.empty());
    world.settings.rates.provider_refuses = 1;
    world.run_for(Millis{100'000});  // until the pause is too long for the lane
    const auto before = world.provider.bubbles.size();
    world.settings.rates.provider_refuses = 0;
    check_well(world);
    const auto bubbles = world.bubbles(shop, "ana");
    CHECK(bubbles.size() == 12);
    // from then on one bubble every 4 s or little more
    REQUIRE(before + 2 < bubbles.size());
    for (std::size_t n = before + 1; n < bubbles.size(); ++n) {
        CHECK(bubbles[n].at - bubbles[n - 1].at < Millis{12'000});
    }
}

}  // namespace relevo
