#include "core/json_object.hpp"
#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

// `shown` is the shop's own number as this webhook writes it.
std::string webhook(const std::string& shown, const std::string& from, const std::string& id,
                    const std::string& text) {
    const std::string metadata =
        JsonObject().text("display_phone_number", shown).text("phone_number_id", "shop").str();
    const std::string message = JsonObject()
                                    .text("from", from)
                                    .text("id", id)
                                    .text("type", "text")
                                    .raw("text", JsonObject().text("body", text).str())
                                    .str();
    const std::string value =
        JsonObject().raw("metadata", metadata).raw("messages", json_array({message})).str();
    return whatsapp_webhook({JsonObject().text("field", "messages").raw("value", value).str()});
}

}  // namespace

TEST_CASE(
    "incident 20: messages to a number written in another way were discarded, here the account id routes") {
    Shop it;
    int n = 0;
    for (const auto* shown : {"5541988887777", "554188887777", "+55 41 98888-7777", "5491155550100",
                              "541155550100", "54 11 15 5555-0100", ""}) {
        const std::string id = std::to_string(++n);
        it.world.post_webhook(it.shop, webhook(shown, "customer-" + id, "wamid." + id, "hola"));
    }
    it.check_well();
    for (; n > 0; --n) CHECK(it.texts("customer-" + std::to_string(n)) == Texts{"hello", "re hola", "bye"});
}

TEST_CASE("incident 20: a contact whose number is written with and without its 9 is one contact") {
    for (const auto& [with, without] : std::vector<std::pair<std::string, std::string>>{
             {"5491155551234", "541155551234"}, {"5541988887777", "554188887777"}}) {
        for (const bool longer_first : {true, false}) {
            CAPTURE(with);
            CAPTURE(longer_first);
            Shop it;
            const std::string& first = longer_first ? with : without;
            const std::string& second = longer_first ? without : with;
            it.world.post_webhook(it.shop, webhook("x", first, "wamid.1", "hola"));
            it.world.run_for(Millis{8'000});
            it.world.post_webhook(it.shop, webhook("x", second, "wamid.2", "soy yo"));
            it.check_well();
            CHECK(it.world.database.tenants.at({1}).conversations.size() == 1);
            // answered where they wrote from last
            CHECK(it.texts(second) == Texts{"hello", "re hola", "re soy yo", "bye"});
            // the owner's echo is about the same person, whichever way it names them
            it.world.post_webhook(
                it.shop, whatsapp_webhook({whatsapp_echo(it.shop, first, "wamid.owner", "te atiendo")}));
            it.check_well();
            CHECK(it.world.database.tenants.at({1}).conversations.begin()->second.human);
        }
    }
}

// São Paulo has landlines that differ from somebody's mobile by its 9 only.
TEST_CASE("incident 20: numbers that only look alike are two contacts") {
    Shop it;
    it.world.post_webhook(it.shop, webhook("x", "5511955550100", "wamid.1", "hola"));
    it.world.post_webhook(it.shop, webhook("x", "551155550100", "wamid.2", "hola"));
    it.world.post_webhook(it.shop, webhook("x", "34911555512", "wamid.3", "hola"));
    it.check_well();
    CHECK(it.world.database.tenants.at({1}).conversations.size() == 3);
}

TEST_CASE("incident 20: a contact who comes under a new name is still the same contact") {
    Shop it;
    Inbound first = SimWorld::inbound("549115555", "hola", "1");
    first.aliases.push_back({"sim_other", "54115555"});
    it.world.tell(it.shop, first);
    it.world.run_for(Millis{1'000});
    Inbound second = SimWorld::inbound("54115555", "soy yo", "2");
    second.aliases.front().kind = "sim_other";
    it.world.tell(it.shop, second);
    it.check_well();
    CHECK(it.world.database.tenants.at({1}).conversations.size() == 1);
    CHECK(it.world.row(it.shop, "549115555").turns.size() == 1);
}

}  // namespace relevo
