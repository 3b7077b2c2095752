#include <algorithm>

#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

constexpr Millis lifetime{300'000};

// A shop whose records may reach a customer for five minutes.
struct ShortLived {
    explicit ShortLived(SimSettings settings, bool started = true)
        : world(std::move(settings)), shop(world.add_shop(1, "shop", {Millis{3'000}, Millis{10'000}, 20})) {
        world.pipeline.expires_after = lifetime;
        began = world.clock.now();
        if (started) world.start();
    }
    void check_well() { relevo::check_well(world); }
    Texts texts() const { return relevo::texts(world.bubbles(shop, "ana")); }
    // Oldest first.
    std::vector<SimTurn> turns() {
        std::vector<SimTurn> out;
        for (const auto& id : world.row(shop, "ana").turns)
            out.push_back(world.database.tenants.at({1}).turns.at(id));
        return out;
    }
    SimWorld world;
    Account shop;
    SysTime began;
};

const std::vector<std::string> second_answer{"hello", "re sigue ahí", "bye"};

}  // namespace

TEST_CASE("what a provider refused until it expired is dropped, and the next answer does not wait for it") {
    SimSettings settings;
    settings.rates.provider_refuses = 1;
    ShortLived it(settings);
    it.world.write(it.shop, "ana", "hola");
    it.check_well();
    CHECK(it.texts().empty());
    for (const auto& [id, reply] : it.world.database.tenants.at({1}).replies) {
        CHECK(reply.status == SimReply::Status::dropped);
        CHECK(reply.reason == "expired");
    }
    it.world.settings.rates.provider_refuses = 0;
    it.world.write(it.shop, "ana", "sigue ahí");
    it.check_well();
    CHECK(it.texts() == second_answer);
}

TEST_CASE(
    "a model that fails for two minutes is given up: the customer is told, and the next message is "
    "answered") {
    SimSettings settings;
    settings.rates.model_fails = 1;
    ShortLived it(settings);
    it.world.write(it.shop, "ana", "hola");
    it.check_well();
    CHECK(it.texts() == std::vector<std::string>{"fallback"});
    REQUIRE(it.turns().size() == 1);
    CHECK(it.turns().front().status == SimTurn::Status::failed);
    CHECK(it.turns().front().reason == "model.unavailable");
    const auto bubbles = it.world.bubbles(it.shop, "ana");
    CHECK(bubbles.front().at - it.began > Millis{120'000});
    CHECK(bubbles.front().at - it.began < Millis{200'000});
    CHECK(it.world.database.dead_letters.empty());
    it.world.settings.rates.model_fails = 0;
    it.world.write(it.shop, "ana", "sigue ahí");
    it.check_well();
    CHECK(it.texts() == std::vector<std::string>{"fallback", "hello", "re sigue ahí", "bye"});
}

TEST_CASE("a message that waited for a free turn until it expired ends as dropped, and holds nothing") {
    SimSettings settings;
    settings.max_open_turns = 0;
    ShortLived it(settings);
    it.world.write(it.shop, "ana", "hola");
    it.world.write(it.shop, "ana", "tienen puntas");  // one record stands for both while they wait
    it.check_well();
    REQUIRE(it.turns().size() == 1);
    CHECK(it.turns().front().reason == "expired");
    CHECK(it.turns().front().last_seq == 2);
}

TEST_CASE("after an outage longer than a record lives, a fresh message brings the older ones with it") {
    ShortLived it({}, false);
    it.world.write(it.shop, "ana", "hola");
    it.world.write(it.shop, "bea", "buenas");
    it.world.run_for(lifetime);
    it.world.write(it.shop, "ana", "sigue ahí");
    it.world.run_for(Millis{30'000});
    it.world.start();
    CHECK(it.world.settle());
    CHECK(it.texts() == std::vector<std::string>{"hello", "re hola", "re sigue ahí", "bye"});
    CHECK(it.world.bubbles(it.shop, "bea").empty());
    const auto& turns = it.world.row(it.shop, "bea").turns;
    REQUIRE(turns.size() == 1);
    CHECK(it.world.database.tenants.at({1}).turns.at(turns.front()).reason == "expired");
}

}  // namespace relevo
