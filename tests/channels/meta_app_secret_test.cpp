#include "channels/meta_app_secret.hpp"

#include <doctest/doctest.h>

#include "fake_meta.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Copies final : Vault {
    Task<Secret> find(TenantId, std::string category, std::string name) override {
        co_return Secret("copy of " + category + "/" + name);
    }
};

}  // namespace

TEST_CASE("numbers that were all connected by a sign-in are verified with the secret that the app has now") {
    MetaWorld it;
    const auto start = it.begin();
    REQUIRE(it.redeem(*start).has_value());
    REQUIRE(it.claim(*start).has_value());
    Copies vault;
    MetaSettings settings;
    settings.facebook.secret = Secret("as configured now");
    MetaAppSecret secrets(vault, it.store, settings);
    const auto found = [&](Vault& of, const std::string& name, const std::string& category = "whatsapp_cloud",
                           TenantId tenant = TenantId{1}) {
        return run(of.find(tenant, category, name)).reveal();
    };
    REQUIRE(it.shop == TenantId{1});
    CHECK(found(secrets, "APP_SECRET") == "as configured now");
    CHECK(found(secrets, "VERIFY_TOKEN") == "copy of whatsapp_cloud/VERIFY_TOKEN");
    CHECK(found(secrets, "APP_SECRET", "telegram") == "copy of telegram/APP_SECRET");
    // of a shop that has none of them, or others too
    CHECK(found(secrets, "APP_SECRET", "whatsapp_cloud", {2}) == "copy of whatsapp_cloud/APP_SECRET");
    it.store.other_apps = {"whatsapp"};
    CHECK(found(secrets, "APP_SECRET") == "copy of whatsapp_cloud/APP_SECRET");
    it.store.other_apps.clear();
    MetaAppSecret without(vault, it.store, MetaSettings{});
    CHECK(found(without, "APP_SECRET") == "copy of whatsapp_cloud/APP_SECRET");
}
