#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

// The same person writes to three shops of two tenants, all at once.
struct SharedSender {
    explicit SharedSender(SimSettings settings)
        : it(std::move(settings)),
          shops{it.shop, it.world.add_shop(2, "other", it.shop.window),
                it.world.add_shop(1, "second", it.shop.window)} {
        for (int n = 0; n < 4; ++n) {
            for (const auto& shop : shops)
                it.world.write(shop, who, shop.external_id + "/" + who + ": m" + std::to_string(n));
            it.world.run_for(Millis{3'000});
        }
    }
    const std::string who = "5491155550000";
    Shop it;
    std::vector<Account> shops;
};

}  // namespace

TEST_CASE(
    "incident 2: one person's texts to two tenants were merged, here shops with the same senders never mix") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        SimSettings settings;
        settings.seed = seed;
        SharedSender shared(settings);
        shared.it.check_well();
        for (const auto& shop : shared.shops) {
            CHECK(shared.it.world.row(shop, shared.who).turns.size() == 1);
            const auto bubbles = shared.it.world.bubbles(shop, shared.who);
            CHECK(bubbles.size() == 6);
            for (const auto& bubble : bubbles) {
                const std::string speaker = speaker_of(bubble.text);
                CHECK((speaker.empty() || speaker == shop.external_id + "/" + shared.who));
            }
        }
    }
}

TEST_CASE("incident 2: the simulator sees the texts merged where a burst's key is its sender only") {
    SharedSender shared(with_bug("key-without-tenant"));
    CHECK_FALSE(shared.it.problems().empty());
}

}  // namespace relevo
