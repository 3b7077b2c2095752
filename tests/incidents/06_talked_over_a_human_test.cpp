#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

// A human takes over at that moment, answers, is answered, and gives the conversation back.
Texts texts_after_give_back(SimSettings settings, Millis moment, bool well = true) {
    Shop it(std::move(settings));
    it.world.write(it.shop, "ana", "hola");
    it.world.write(it.shop, "ana", "hay alguien");
    it.world.run_for(moment);
    const auto before = it.world.provider.bubbles.size();
    it.world.take_over(it.shop, "ana");
    it.world.reply_as_human(it.shop, "ana", "console-1", "soy Marta");
    it.world.write(it.shop, "ana", "por fin");
    CHECK(it.world.settle());
    const auto bubbles = it.texts();
    CHECK(bubbles.size() <= before + 2);  // the one in flight and Marta's
    CHECK(bubbles.back() == "soy Marta");
    it.world.give_back(it.shop, "ana");
    it.world.write(it.shop, "ana", "y ahora");
    CHECK(it.world.settle());
    const auto problems = find_problems(it.world);
    for (const auto& problem : problems) MESSAGE(problem);
    CHECK(problems.empty() == well);
    return it.texts();
}

Texts texts_after_echo(SimSettings settings) {
    Shop it(std::move(settings));
    it.world.write(it.shop, "ana", "hola");
    it.world.run_for(Millis{5'000});
    Inbound echo = SimWorld::inbound("ana", "te atiendo yo", "echo-1");
    echo.kind = InboundKind::echo;
    it.world.tell(it.shop, echo);
    CHECK(it.world.settle());
    return it.texts();
}

}  // namespace

TEST_CASE(
    "incident 6: the bot talked over a human, here at most the bubble in flight lands after a take-over") {
    for (const int moment : {10'000, 16'100, 17'000, 18'500, 20'000, 22'500, 24'700}) {
        CAPTURE(moment);
        const Texts all = texts_after_give_back({}, Millis{moment});
        // the agent answers what comes now, and nothing of what the human saw
        CHECK(Texts(all.end() - 3, all.end()) == Texts{"hello", "re y ahora", "bye"});
        CHECK(std::find(all.begin(), all.end(), "re por fin") == all.end());
    }
}

TEST_CASE(
    "incident 6: the backlog of a handed-off conversation was answered, and is where its mark stays behind") {
    const Texts all = texts_after_give_back(with_bug("watermark-stays"), Millis{17'000}, false);
    CHECK(std::find(all.begin(), all.end(), "re por fin") != all.end());
}

TEST_CASE("incident 6: the owner's message from their own phone silences the agent") {
    CHECK(texts_after_echo({}).empty());
    CHECK_FALSE(texts_after_echo(with_bug("echo-ignored")).empty());
}

}  // namespace relevo
