#include <doctest/doctest.h>

#include <algorithm>

#include "tests/simulation/world.hpp"

namespace relevo {
namespace {

constexpr Millis lifetime{300'000};

// A shop whose records may reach a customer for five minutes.
struct Shop {
    explicit Shop(SimSettings settings = {})
        : world(std::move(settings)), shop(world.add_shop(1, "shop", {Millis{3'000}, Millis{10'000}, 20})) {
        world.pipeline.expires_after = lifetime;
        world.start();
    }
    void check_well() {
        CHECK(world.settle());
        const auto problems = find_problems(world);
        for (const auto& problem : problems) MESSAGE(problem);
        CHECK(problems.empty());
    }
    std::vector<std::string> texts() const {
        std::vector<std::string> out;
        for (const auto& bubble : world.bubbles(shop, "ana")) out.push_back(bubble.text);
        return out;
    }
    SimWorld world;
    Account shop;
};

const std::vector<std::string> second_answer{"hello", "re sigue ahí", "bye"};

}  // namespace

TEST_CASE("what a provider refused until it expired is dropped, and the next answer does not wait for it") {
    SimSettings settings;
    settings.rates.provider_refuses = 1;
    Shop it(settings);
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

}  // namespace relevo
