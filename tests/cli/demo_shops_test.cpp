#include <doctest/doctest.h>

#include <filesystem>

#include "cli/shop_file.hpp"

using namespace relevo;

TEST_CASE("the demo's shops state all of which model answers, so that they take back what an option stated") {
    const std::filesystem::path root = RELEVO_SOURCE_DIR;
    int shops = 0;
    for (const auto& file : std::filesystem::directory_iterator(root / "docker" / "demo")) {
        CAPTURE(file.path().string());
        const auto shop = load_shop(file.path(), {{{"offline", ""}, {"openai", "openai"}}});
        REQUIRE(shop.has_value());
        REQUIRE(shop->agent_states);
        for (const auto* name : {"provider", "base_url", "model"}) CHECK(shop->agent_states->contains(name));
        ++shops;
    }
    CHECK(shops == 2);
}
