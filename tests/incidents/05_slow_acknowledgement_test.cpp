#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

// Twenty times while the window is open, once more after the answer, and once at the end of the week in which
// a provider may still try.
Texts answer_to_redelivered(SimSettings settings) {
    Shop it(std::move(settings));
    for (int n = 0; n < 20; ++n) it.world.write(it.shop, "ana", "hola", "wamid.1");
    it.world.run_for(Millis{10'000});
    it.world.write(it.shop, "ana", "hola", "wamid.1");
    for (const auto later : {Millis{0}, Millis{std::chrono::hours(8 * 24)}}) {
        CHECK(it.world.settle());
        it.world.clock.set(it.world.clock.now() + later);
        it.world.write(it.shop, "ana", "hola", "wamid.1");
    }
    CHECK(it.world.settle());
    return it.texts();
}

}  // namespace

TEST_CASE(
    "incident 5: a slow answer made the provider retry, here the 200 waits for the log and for nothing "
    "else") {
    SimSettings settings;
    settings.rates.model_fails = 1;
    settings.rates.provider_hidden = 1;
    Shop it(settings);
    const SysTime sent = it.world.clock.now();
    std::optional<Millis> took;
    it.world.post_webhook(it.shop, whatsapp_webhook({whatsapp_message(it.shop, "ana", "wamid.1", "hola")}),
                          [&] { took = it.world.clock.now() - sent; });
    it.world.run_for(Millis{1'000});
    REQUIRE(took.has_value());
    CHECK(*took < Millis{250});
    CHECK(it.world.log.all("messages.received").size() == 1);
}

TEST_CASE(
    "incident 5: what the log does not take is not acknowledged, and its redelivery is the one message") {
    Shop it;
    it.world.settings.rates.sink_refuses = 1;
    int acknowledged = 0;
    it.world.post_webhook(it.shop, whatsapp_webhook({whatsapp_message(it.shop, "ana", "wamid.1", "hola")}),
                          [&] { ++acknowledged; });
    it.world.run_for(Millis{60'000});
    CHECK(acknowledged == 0);
    it.world.settings.rates.sink_refuses = 0;
    it.check_well();
    CHECK(acknowledged == 1);
    CHECK(it.texts() == Texts{"hello", "re hola", "bye"});
}

TEST_CASE(
    "incident 5: a webhook that came 23 times in eight days was answered again, here it is one answer") {
    CHECK(answer_to_redelivered({}) == Texts{"hello", "re hola", "bye"});
    CHECK(answer_to_redelivered(with_bug("message-not-unique")).size() > 3);
}

}  // namespace relevo
