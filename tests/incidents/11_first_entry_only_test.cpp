#include "core/json_object.hpp"
#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

std::string change_of(const Account& account, const std::vector<std::string>& texts) {
    std::vector<std::string> messages;
    for (const auto& text : texts) {
        messages.push_back(JsonObject()
                               .text("from", "of-" + text.substr(0, 2))
                               .text("id", "wamid." + text)
                               .text("type", "text")
                               .raw("text", JsonObject().text("body", text).str())
                               .str());
    }
    const std::string metadata = JsonObject().text("phone_number_id", account.external_id).str();
    const std::string value =
        JsonObject().raw("metadata", metadata).raw("messages", json_array(messages)).str();
    return JsonObject().text("field", "messages").raw("value", value).str();
}

}  // namespace

TEST_CASE(
    "incident 11: only the first change of the first entry was read, here every message of a webhook "
    "counts") {
    Shop it;
    std::vector<std::string> entries;
    for (const std::string entry : {"a", "b", "c"}) {
        std::vector<std::string> changes;
        for (const std::string change : {"1", "2"})
            changes.push_back(change_of(it.shop, {entry + change + "x", entry + change + "y"}));
        entries.push_back(JsonObject().text("id", entry).raw("changes", json_array(changes)).str());
    }
    it.world.post_webhook(
        it.shop,
        JsonObject().text("object", "whatsapp_business_account").raw("entry", json_array(entries)).str());
    it.check_well();
    CHECK(it.world.log.all("messages.received").size() == 12);
    for (const std::string who : {"a1", "a2", "b1", "b2", "c1", "c2"}) {
        CAPTURE(who);
        CHECK(it.texts("of-" + who) == Texts{"hello", "re " + who + "x", "re " + who + "y", "bye"});
    }
}

}  // namespace relevo
