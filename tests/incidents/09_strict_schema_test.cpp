#include "core/json_object.hpp"
#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

std::string change(const std::string& field, const std::string& value) {
    return JsonObject().text("field", field).raw("value", value).str();
}

}  // namespace

TEST_CASE(
    "incident 9: a strict schema refused every new webhook, here unknown shapes are kept and the rest goes "
    "on") {
    Shop it;
    const std::string metadata = R"({"metadata":{"phone_number_id":"shop"})";
    // as the coexistence echoes were, once: a field, a list, a type and members that nobody had written down
    const std::vector<std::string> strange{
        change("smb_app_state_sync", metadata + R"(,"state_sync":[{"type":"contact"}]})"),
        change("messages", metadata + R"(,"messages":{"not":"a list"}})"),
        change("messages", metadata + R"(,"messages":[null,7]})"),
        change("messages", metadata + R"(,"statuses":[{"id":"w","status":"teleported"}]})"),
        whatsapp_stranger(it.shop, "strange-1"),
    };
    std::vector<std::string> bodies{R"({"object":"whatsapp_business_account"})",
                                    R"({"object":"whatsapp_business_account","entry":[{"id":"1"}]})"};
    for (const auto& part : strange)
        bodies.push_back(whatsapp_webhook({part, whatsapp_message(it.shop, "ana", "wamid.1", "hola")}));
    std::size_t accepted = 0;
    for (int n = 0; n < 2; ++n) {  // again, as providers do
        for (const auto& body : bodies) it.world.post_webhook(it.shop, body, [&] { ++accepted; });
    }
    it.world.run_for(Millis{1'000});
    CHECK(accepted == 2 * bodies.size());
    it.check_well();
    CHECK(it.texts() == Texts{"hello", "re hola", "bye"});
    // what names no account is kept for the one shop of the address
    CHECK(it.world.database.tenants.at({1}).archive.size() == strange.size() + 1 + 2);
    CHECK(it.world.database.dead_letters.empty());
    CHECK(SimWorld::metrics().text().find(R"(relevo_drops_total{reason="archived",stage="resolve"})") !=
          std::string::npos);
}

}  // namespace relevo
