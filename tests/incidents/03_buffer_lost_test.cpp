#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

bool has_uncommitted(SimWorld& world) {
    return world.log.oldest_open(world.pipeline.find_stage("buffer")->group, "messages.resolved").has_value();
}

}  // namespace

TEST_CASE("incident 3: the buffer was lost on restart, here an open window is rebuilt from the log") {
    for (const bool killed : {true, false}) {
        CAPTURE(killed);
        Shop it;
        it.world.write(it.shop, "ana", "hola");
        it.world.write(it.shop, "ana", "tienen puntas");
        it.world.run_for(Millis{10'000});
        CHECK(has_uncommitted(it.world));
        if (killed) {
            it.world.kill(0);
        } else {
            it.world.stop(0);
            it.world.run_for(Millis{5'000});
            CHECK(it.world.alive() == 0);
            it.world.start();
        }
        it.check_well();
        CHECK_FALSE(has_uncommitted(it.world));
        CHECK(it.world.row(it.shop, "ana").turns.size() == 1);
        CHECK(it.texts() == Texts{"hello", "re hola", "re tienen puntas", "bye"});
    }
}

TEST_CASE("incident 3: a buffer whose offsets are committed when they are read is lost with its process") {
    Shop it(with_bug("offsets-past-unfinished"));
    it.world.write(it.shop, "ana", "hola");
    it.world.run_for(Millis{10'000});
    it.world.kill(0);
    CHECK_FALSE(it.problems().empty());
    CHECK(it.texts().empty());
}

}  // namespace relevo
