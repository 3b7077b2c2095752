#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

// The answer to Ana's first message is ready while her second one waits for its window to close.
Texts answer_to_two(SimSettings settings) {
    settings.rates.longest_model = Millis{800};
    Shop it(std::move(settings), {Millis{1'000}, Millis{5'000}, 20});
    it.world.write(it.shop, "ana", "hola");
    while (it.world.log.all("inferences.requested").empty()) it.world.run_for(Millis{1});
    it.world.write(it.shop, "ana", "tienen puntas?");
    CHECK(it.world.settle());
    return it.texts();
}

}  // namespace

TEST_CASE("incident 1: a burst was answered several times, here five messages are one turn and one answer") {
    Shop it;
    for (const auto* text : {"hola", "tienen zapatillas", "de media punta", "talle 38", "gracias"}) {
        it.world.write(it.shop, "ana", text);
        it.world.run_for(Millis{2'000});
    }
    it.world.run_for(Millis{13'000});
    CHECK(it.world.provider.bubbles.empty());  // 16 s of silence have not passed
    it.check_well();
    CHECK(it.world.row(it.shop, "ana").turns.size() == 1);
    CHECK(it.texts() == Texts{"hello", "re hola", "re tienen zapatillas", "re de media punta", "re talle 38",
                              "re gracias", "bye"});
}

TEST_CASE(
    "incident 1: a message that comes before the answer's first bubble gets one answer with the others") {
    CHECK(answer_to_two({}) == Texts{"hello", "re hola", "re tienen puntas?", "bye"});
    const Texts elsewhere = answer_to_two(with_bug("held-ignored"));
    CHECK(std::count(elsewhere.begin(), elsewhere.end(), "hello") == 2);
}

}  // namespace relevo
