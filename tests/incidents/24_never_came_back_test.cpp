#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

// Answered once, and then a human's.
struct HandedOff {
    HandedOff() {
        it.world.write(it.shop, "ana", "hola");
        it.check_well();
        desk(SimDesk::take_over);
    }
    void desk(SimDesk what) {
        it.world.ask_desk(what, it.shop, "ana");
        it.check_well();
    }
    void write(const std::string& text) {
        it.world.write(it.shop, "ana", text);
        it.check_well();
    }
    SimConversation& row() { return it.world.row(it.shop, "ana"); }

    Shop it;
};

const Texts first_answer{"hello", "re hola", "bye"};

}  // namespace

TEST_CASE(
    "incident 24: a conversation never came back from its human, here it does with the give-back and only "
    "then") {
    HandedOff handed;
    for (int n = 0; n < 3; ++n) {
        handed.it.world.run_for(Millis{std::chrono::minutes(20)});
        handed.write("sigue ahí?");
    }
    CHECK(handed.row().human);
    CHECK(handed.it.texts() == first_answer);
    handed.desk(SimDesk::give_back);
    CHECK_FALSE(handed.row().human);
    CHECK(handed.it.texts() == first_answer);  // what the human saw is not answered
    handed.write("y ahora");
    Texts both = first_answer;
    for (const auto* text : {"hello", "re y ahora", "bye"}) both.emplace_back(text);
    CHECK(handed.it.texts() == both);
}

TEST_CASE("incident 24: each way between agent and human is taken once, however often it is asked for") {
    HandedOff handed;
    const auto epoch = handed.row().epoch;
    handed.desk(SimDesk::take_over);
    CHECK(handed.row().epoch == epoch);
    handed.desk(SimDesk::give_back);
    handed.desk(SimDesk::give_back);
    CHECK(handed.row().epoch == epoch + 1);
    CHECK_FALSE(handed.row().human);
    handed.desk(SimDesk::take_over);
    CHECK(handed.row().epoch == epoch + 2);
    CHECK(handed.row().human);
}

TEST_CASE("incident 24: given back it looped to the human at once, here our own echo takes nothing over") {
    HandedOff handed;
    handed.desk(SimDesk::give_back);
    handed.write("y ahora");
    const auto epoch = handed.row().epoch;
    for (const auto& bubble : handed.it.world.bubbles(handed.it.shop, "ana")) {
        const auto echo = whatsapp_echo(handed.it.shop, "ana", bubble.provider_id, bubble.text);
        handed.it.world.post_webhook(handed.it.shop, whatsapp_webhook({echo}));
    }
    handed.it.check_well();
    CHECK_FALSE(handed.row().human);
    CHECK(handed.row().epoch == epoch);
}

}  // namespace relevo
