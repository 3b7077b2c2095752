#include "tests/simulation/shop.hpp"

namespace relevo {

TEST_CASE(
    "incident 8: a retried ledger sent a reply twice, here what nobody knows the end of is not sent again") {
    for (const auto* point :
         {"claim_reply.committed", "send.before", "send.accepted", "finish_reply.before"}) {
        CAPTURE(point);
        SimSettings settings;
        settings.rates.provider_loses_receipt = 1;
        Shop it(settings, {Millis{3'000}, Millis{10'000}, 20});
        it.world.crash_at(point, 2);
        it.world.write(it.shop, "ana", "hola");
        it.check_well();
        CHECK(it.world.crashes() == 1);
        CHECK(unknown_replies(it.world) == 1);
        CHECK(it.count("re hola") <= 1);
        const auto bubbles = it.world.bubbles(it.shop, "ana");
        REQUIRE(bubbles.size() >= 2);
        CHECK(bubbles.front().text == "hello");
        CHECK(bubbles.back().text == "bye");
        // what follows waits for a minute in which a receipt might come
        CHECK(bubbles.back().at - bubbles.front().at > Millis{60'000});
    }
}

TEST_CASE("incident 8: a receipt tells what became of the reply that was in flight") {
    Shop it;
    it.world.crash_at("send.accepted", 2);
    it.world.write(it.shop, "ana", "hola");
    it.check_well();
    CHECK(unknown_replies(it.world) == 0);
    CHECK(it.texts() == Texts{"hello", "re hola", "bye"});
}

TEST_CASE("incident 8: a ledger that sends again what may have been sent sends it twice") {
    SimSettings settings = with_bug("unknown-resent");
    settings.rates.provider_loses_receipt = 1;
    Shop it(settings);
    it.world.crash_at("send.accepted", 2);
    it.world.write(it.shop, "ana", "hola");
    CHECK_FALSE(it.problems().empty());
    CHECK(it.count("re hola") == 2);
}

}  // namespace relevo
