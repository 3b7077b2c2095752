#include "tests/simulation/shop.hpp"

namespace relevo {

TEST_CASE("incident 4: unique messages were dropped as duplicates, here only the provider's event id tells") {
    Shop it;
    const Account other = it.world.add_shop(2, "other", it.shop.window);
    for (const auto* event : {"1", "2", "3"})
        it.world.write(it.shop, "ana", "hola", event);  // the same words
    it.world.write(other, "ana", "hola", "1");          // the same id, of another account
    CHECK(it.world.settle());
    CHECK(it.texts() == Texts{"hello", "re hola", "re hola", "re hola", "bye"});
    CHECK(it.world.bubbles(other, "ana").size() == 3);
}

TEST_CASE(
    "incident 4: a crash between mark and work lost the message, here the effect's own row is the mark") {
    const auto answered = [](SimSettings settings, const std::string& point) {
        Shop it(std::move(settings));
        it.world.crash_at(point);
        it.world.write(it.shop, "ana", "hola");
        CHECK(it.world.settle());
        CHECK(it.world.crashes() == 1);
        return it.texts();
    };
    for (const auto* point : {"find_account.before", "store_message.before", "store_message.committed",
                              "publish.before:resolve", "publish.after:resolve"}) {
        CAPTURE(point);
        CHECK(answered({}, point) == Texts{"hello", "re hola", "bye"});
        if (std::string_view(point) != "publish.after:resolve")
            CHECK(answered(with_bug("dedupe-mark-before-work"), point).empty());
    }
}

}  // namespace relevo
