#include "channels/whatsapp_parse.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "whatsapp_payloads.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

Parsed parse(const std::string& body) {
    auto parsed = parse_whatsapp(body);
    REQUIRE(parsed.has_value());
    return std::move(*parsed);
}

Inbound only(const Parsed& parsed) {
    REQUIRE(parsed.inbound.size() == 1);
    CHECK(parsed.receipts.empty());
    return parsed.inbound.front();
}

Inbound only_change(const std::string& change) {
    return only(parse(whatsapp_webhook(change)));
}

std::vector<std::string> ids(const Parsed& parsed) {
    std::vector<std::string> names;
    for (const auto& inbound : parsed.inbound) names.push_back(inbound.event_id);
    return names;
}

}  // namespace

TEST_CASE("a text message names account, contact, time and words") {
    const auto message =
        only(parse(one_message(R"("type":"text","text":{"body":"Hola, \u00bftienen puntas?"})")));
    CHECK(message.kind == InboundKind::message);
    CHECK(message.account == shop_account);
    CHECK(message.event_id == "wamid.A1");
    CHECK(message.aliases ==
          std::vector<Alias>{{"wa_id", "5491155501234"}, {"wa_user", "AR.77"}, {"wa_id", "541155501234"}});
    CHECK(message.name == "Lucía");
    CHECK(message.type == "text");
    CHECK(message.text == "Hola, ¿tienen puntas?");
    CHECK(message.sent_at == from_millis(1'795'262'400'000));
    CHECK(message.metadata == "");
    CHECK(message.raw == "");
}

TEST_CASE("every message of every change of every entry is read, in order") {
    const auto change = [](const std::string& first, const std::string& second) {
        const auto message = [](const std::string& id) {
            return R"({"from":"549115","id":")" + id + R"(","type":"text","text":{"body":"x"}})";
        };
        return messages_change("\"messages\":[" + message(first) + "," + message(second) + "]");
    };
    const auto parsed =
        parse(R"({"object":"whatsapp_business_account","entry":[{"id":"1","changes":[)" + change("a", "b") +
              "," + change("c", "d") + R"(]},{"id":"2","changes":[)" + change("e", "f") + "]}]}");
    CHECK(ids(parsed) == std::vector<std::string>{"a", "b", "c", "d", "e", "f"});
    for (const auto& inbound : parsed.inbound) CHECK(inbound.kind == InboundKind::message);
}

TEST_CASE("each type of message is read as what its sender meant") {
    struct Case {
        const char* members;
        const char* text;
    };
    const std::vector<Case> cases{
        {R"("type":"image","image":{"id":"1","mime_type":"image/jpeg","caption":"este"})", "este"},
        {R"("type":"image","image":{"id":"1","mime_type":"image/jpeg"})", "[image]"},
        {R"("type":"audio","audio":{"id":"1","voice":true})", "[audio]"},
        {R"("type":"video","video":{"id":"1"})", "[video]"},
        {R"("type":"sticker","sticker":{"id":"1"})", "[sticker]"},
        {R"("type":"document","document":{"id":"1","filename":"talles.pdf"})", "[document: talles.pdf]"},
        {R"("type":"button","button":{"payload":"YES","text":"S\u00ed"})", "Sí"},
        {R"("type":"interactive","interactive":{"type":"button_reply","button_reply":{"id":"b","title":"Comprar"}})",
         "Comprar"},
        {R"("type":"interactive","interactive":{"type":"list_reply","list_reply":{"id":"l","title":"T 38","description":"d"}})",
         "T 38"},
        {R"("type":"interactive","interactive":{"type":"nfm_reply","nfm_reply":{"name":"flow","body":"Sent","response_json":"{\"a\":1}"}})",
         R"([form: flow, {"a":1}])"},
        {R"("type":"interactive","interactive":{"type":"nfm_reply","nfm_reply":{"response_json":"{\"a\":"}})",
         R"([form: {"a":])"},
        {R"("type":"location","location":{"latitude":-34.6,"longitude":-58.38,"name":"Obelisco","address":"9 de Julio"})",
         "[location: Obelisco, 9 de Julio, -34.6, -58.38]"},
        {R"("type":"location","location":{"latitude":-34.6,"longitude":-58.38})",
         "[location: -34.6, -58.38]"},
        {R"("type":"contacts","contacts":[{"name":{"formatted_name":"Ana"},"phones":[{"phone":"+54 11"}]},{"name":{"formatted_name":"Eva"}}])",
         "[contacts: Ana (+54 11); Eva]"},
        {R"("type":"order","order":{"catalog_id":"c","text":"para hoy","product_items":[{"product_retailer_id":"SKU-1","quantity":2,"item_price":100.5,"currency":"ARS"},{"product_retailer_id":"SKU-2","quantity":"1"}]})",
         "[order: 2 x SKU-1 at 100.5 ARS; 1 x SKU-2] para hoy"},
        {R"("type":"request_welcome")", "[opened the chat]"},
        {R"("type":"unsupported","errors":[{"code":131051,"title":"Message type unknown"}])",
         "[unsupported message]"},
        {R"("type":"unsupported","text":{"body":"hola"},"errors":[{"code":131051}])", "hola"},
    };
    for (const auto& [members, text] : cases) {
        CAPTURE(members);
        const auto message = only(parse(one_message(members)));
        CHECK(message.kind == InboundKind::message);
        CHECK(message.text == text);
        CHECK(message.event_id == "wamid.A1");
    }
}

TEST_CASE(
    "a first message after an ad click, which arrives as unsupported 131060, is a lead and opens a turn") {
    const auto lead = only(parse(one_message(
        R"("type":"unsupported","errors":[{"code":131060,"title":"This message is currently unavailable."}],)"
        R"("referral":{"source_type":"ad","source_id":"120","headline":"Puntas"})")));
    CHECK(lead.kind == InboundKind::message);
    CHECK(lead.text == "[unsupported message]");
    CHECK(lead.metadata == R"({"referral":{"source_type":"ad","source_id":"120","headline":"Puntas"},)"
                           R"("errors":[{"code":131060,"title":"This message is currently unavailable."}]})");
}

TEST_CASE("metadata holds media, context and referral under the provider's names") {
    const auto message = only(parse(one_message(
        R"("type":"image","image":{"id":"99","mime_type":"image/png","url":"https://x/y"},"context":{"from":"549","id":"wamid.Q"})")));
    CHECK(message.in_reply_to == "wamid.Q");
    CHECK(
        message.metadata ==
        R"({"image":{"id":"99","mime_type":"image/png","url":"https://x/y"},"context":{"from":"549","id":"wamid.Q"}})");
}

TEST_CASE("a reaction is one, also when it is taken back") {
    const auto added = only(parse(
        one_message(R"("type":"reaction","reaction":{"message_id":"wamid.R","emoji":"\ud83d\udc4d"})")));
    CHECK(added.kind == InboundKind::reaction);
    CHECK(added.text == "👍");
    CHECK(added.in_reply_to == "wamid.R");
    CHECK(added.event_id == "wamid.A1");
    const auto removed = only(parse(one_message(R"("type":"reaction","reaction":{"message_id":"wamid.R"})")));
    CHECK(removed.kind == InboundKind::reaction);
    CHECK(removed.text == "[reaction removed]");
}

TEST_CASE("lone surrogates and U+0000 lose no message") {
    const auto message =
        only(parse(one_message(R"("type":"text","text":{"body":"hola \ud83d y \u0000 chau"})")));
    CHECK(message.kind == InboundKind::message);
    CHECK(message.text == "hola \uFFFD y \uFFFD chau");
}

TEST_CASE("contacts are matched by id, never by their place") {
    const auto parsed = parse(whatsapp_webhook(messages_change(
        R"("contacts":[{"wa_id":"2","user_id":"AR.2","profile":{"name":"Two"}},{"wa_id":"1","profile":{"name":"One"}}],)"
        R"("messages":[{"from":"1","id":"a","type":"text","text":{"body":"x"}},{"from":"2","id":"b","type":"text","text":{"body":"y"}},{"from":"3","id":"c","type":"text","text":{"body":"z"}}])")));
    REQUIRE(parsed.inbound.size() == 3);
    CHECK(parsed.inbound[0].name == "One");
    CHECK(parsed.inbound[0].aliases == std::vector<Alias>{{"wa_id", "1"}});
    CHECK(parsed.inbound[1].name == "Two");
    CHECK(parsed.inbound[1].aliases == std::vector<Alias>{{"wa_id", "2"}, {"wa_user", "AR.2"}});
    CHECK(parsed.inbound[2].name == "");
    CHECK(parsed.inbound[2].kind == InboundKind::message);
}

TEST_CASE("a contact who hides the phone number is known by the business-scoped id") {
    const std::string text = R"("id":"a","type":"text","text":{"body":"x"}}])";
    const auto hidden = only_change(messages_change(
        R"("contacts":[{"user_id":"AR.9","profile":{"username":"@lu"}}],"messages":[{"from_user_id":"AR.9",)" +
        text));
    CHECK(hidden.kind == InboundKind::message);
    CHECK(hidden.aliases == std::vector<Alias>{{"wa_user", "AR.9"}});
    CHECK(hidden.name == "@lu");
    // The phone number stands in the contact only.
    const auto known = only_change(messages_change(
        R"("contacts":[{"wa_id":"549","user_id":"AR.9"}],"messages":[{"from_user_id":"AR.9",)" + text));
    CHECK(known.aliases == std::vector<Alias>{{"wa_id", "549"}, {"wa_user", "AR.9"}});
    // The id stands where the phone number used to.
    const auto moved = only_change(messages_change(R"("messages":[{"from":"AR.9",)" + text));
    CHECK(moved.aliases == std::vector<Alias>{{"wa_user", "AR.9"}});
    const auto found = only_change(messages_change(
        R"("contacts":[{"wa_id":"+549","user_id":"AR.9"}],"messages":[{"from":"AR.9",)" + text));
    CHECK(found.aliases == std::vector<Alias>{{"wa_id", "549"}, {"wa_user", "AR.9"}});
}

TEST_CASE("a message without sender, or of an unknown type, is kept and opens no turn") {
    for (const auto& body :
         {whatsapp_webhook(
              messages_change(R"("messages":[{"id":"wamid.A1","type":"text","text":{"body":"x"}}])")),
          one_message(R"("type":"hologram","hologram":{"id":"1"})"),
          one_message(R"("text":{"body":"no type"})"), one_message(R"("type":"text","text":"not an object")"),
          one_message(R"("type":"interactive","interactive":{"type":"call_permission_reply"})"),
          one_message(R"("type":"edit","edit":{"original_message_id":"wamid.O","message":{"type":"text"}})"),
          one_message(R"("type":"revoke","revoke":{"original_message_id":"wamid.O"})"),
          one_message(R"("type":"system","system":{"type":"customer_identity_changed","body":"x"})"),
          one_message(R"("type":"text","text":{"body":"x"},"group_id":"G")")}) {
        CAPTURE(body);
        const auto kept = only(parse(body));
        CHECK(kept.kind == InboundKind::archived);
        CHECK(kept.account == shop_account);
        CHECK(kept.event_id == "wamid.A1");
        CHECK(kept.raw.find("wamid.A1") != std::string::npos);
        CHECK(kept.aliases.empty());
    }
}

TEST_CASE(
    "a message from the shop's own number is kept and answered by nobody, in whichever way the number is "
    "written") {
    for (const std::string from : {"5491155500100", "541155500100", "106540352242922"}) {
        CAPTURE(from);
        const auto kept = only_change(messages_change(std::string(R"("messages":[{"from":")") + from +
                                                      R"(","id":"a","type":"text","text":{"body":"x"}}])"));
        CHECK(kept.kind == InboundKind::archived);
    }
}

TEST_CASE("the owner's message from the phone is an echo to the contact it was sent to") {
    const auto echo = only_change(
        R"({"field":"smb_message_echoes","value":{"metadata":{"phone_number_id":"1"},"contacts":[{"wa_id":"549","profile":{"name":"Ana"}}],)"
        R"("message_echoes":[{"from":"5411","to":"549","id":"wamid.E","timestamp":"1795262400","type":"text","text":{"body":"yo sigo"}}]}})");
    CHECK(echo.kind == InboundKind::echo);
    CHECK(echo.account == "1");
    CHECK(echo.event_id == "wamid.E");
    CHECK(echo.aliases == std::vector<Alias>{{"wa_id", "549"}});
    CHECK(echo.name == "Ana");
    CHECK(echo.text == "yo sigo");
}

TEST_CASE("an owner's message that we cannot read still silences the agent, an edit or a reaction does not") {
    const auto echo = [](const std::string& members) {
        return only_change(R"({"field":"smb_message_echoes","value":{"metadata":{"phone_number_id":"1"},)"
                           R"("message_echoes":[{"to":"549","id":"e",)" +
                           members + "}]}}");
    };
    CHECK(echo(R"("type":"hologram")").kind == InboundKind::echo);
    CHECK(echo(R"("type":"hologram")").text == "[hologram]");
    CHECK(echo(R"("type":"image","image":{"id":"1"})").text == "[image]");
    CHECK(echo(R"("type":"edit","edit":{})").kind == InboundKind::archived);
    CHECK(echo(R"("type":"revoke")").kind == InboundKind::archived);
    CHECK(echo(R"("type":"reaction","reaction":{"emoji":"x"})").kind == InboundKind::archived);
    CHECK(echo(R"("type":"text","text":{"body":"x"},"group_id":"G")").kind == InboundKind::archived);
}

TEST_CASE(
    "the field decides: the same arrays under history, calls and message_echoes make no turn and no "
    "receipt") {
    for (const std::string field :
         {"history", "calls", "message_echoes", "account_update", "something_new", ""}) {
        CAPTURE(field);
        const auto kept = only_change(
            R"({"field":")" + field +
            R"(","value":{"metadata":{"phone_number_id":"1"},"messages":[{"from":"549","id":"m","type":"text","text":{"body":"x"}}],)"
            R"("message_echoes":[{"to":"549","id":"e","type":"text","text":{"body":"x"}}],"statuses":[{"id":"s","status":"RINGING"},{"id":"s","status":"read"}]}})");
        CHECK(kept.kind == InboundKind::archived);
        CHECK(kept.account == "1");
        CHECK(kept.type == field);
        CHECK(kept.event_id.starts_with("sha256:"));
        CHECK(kept.raw.find("\"m\"") != std::string::npos);
    }
}

TEST_CASE("statuses become receipts, whatever their order, with our own id where Meta brings it back") {
    const auto parsed = parse(whatsapp_webhook(messages_change(
        R"("statuses":[{"id":"w1","status":"read","timestamp":"1795262402","recipient_id":"549","biz_opaque_callback_data":"our-id"},)"
        R"({"id":"w1","status":"delivered","timestamp":1795262401},{"id":"w1","status":"sent"},{"id":"w2","status":"played"},)"
        R"({"id":"w3","status":"failed","errors":[{"code":131026,"title":"Message undeliverable","error_data":{"details":"no such user: +5491155501234"}}]}])")));
    CHECK(parsed.inbound.empty());
    REQUIRE(parsed.receipts.size() == 5);
    CHECK(parsed.receipts[0].status == ReceiptStatus::read);
    CHECK(parsed.receipts[0].account == shop_account);
    CHECK(parsed.receipts[0].provider_id == "w1");
    CHECK(parsed.receipts[0].reply == "our-id");
    CHECK(parsed.receipts[0].at == from_millis(1'795'262'402'000));
    CHECK(parsed.receipts[1].status == ReceiptStatus::delivered);
    CHECK(parsed.receipts[1].at == from_millis(1'795'262'401'000));
    CHECK(parsed.receipts[2].status == ReceiptStatus::sent);
    CHECK_FALSE(parsed.receipts[2].at.has_value());
    CHECK(parsed.receipts[3].status == ReceiptStatus::read);
    CHECK(parsed.receipts[4].status == ReceiptStatus::failed);
    CHECK(parsed.receipts[4].code == "131026");
    CHECK(parsed.receipts[4].text == "Message undeliverable: no such user: [PHONE_1]");
}

TEST_CASE("two unknown statuses of one message are two events") {
    const auto parsed = parse(whatsapp_webhook(messages_change(
        R"("statuses":[{"id":"w1","status":"pending"},{"id":"w1","status":"warning"},{"status":"read"}])")));
    REQUIRE(parsed.inbound.size() == 3);
    CHECK(parsed.receipts.empty());
    for (const auto& kept : parsed.inbound) CHECK(kept.kind == InboundKind::archived);
    CHECK(parsed.inbound[0].event_id != parsed.inbound[1].event_id);
}

TEST_CASE("messages, statuses and errors of one change are all read") {
    const auto parsed = parse(whatsapp_webhook(messages_change(
        R"("messages":[{"from":"549","id":"m","type":"text","text":{"body":"x"}}],"statuses":[{"id":"s","status":"sent"}],)"
        R"("errors":[{"code":130429,"title":"Rate limit hit"}])")));
    REQUIRE(parsed.inbound.size() == 2);
    CHECK(parsed.inbound[0].kind == InboundKind::message);
    CHECK(parsed.inbound[1].kind == InboundKind::archived);
    CHECK(parsed.inbound[1].type == "error");
    CHECK(parsed.receipts.size() == 1);
}

TEST_CASE("a rotated business-scoped id renames the contact, old name first") {
    for (
        const auto* value :
        {R"([{"user_id":{"previous":"AR.1","current":"AR.2"}},{"user_id":{"previous":"AR.3","current":"AR.4"}}])",
         R"({"metadata":{"phone_number_id":"1"},"user_id_update":[{"user_id":{"previous":"AR.1","current":"AR.2"}},{"user_id":{"previous":"AR.3","current":"AR.4"}}]})"}) {
        CAPTURE(value);
        const auto parsed =
            parse(whatsapp_webhook(R"({"field":"user_id_update","value":)" + std::string(value) + "}"));
        REQUIRE(parsed.inbound.size() == 2);
        CHECK(parsed.inbound[0].kind == InboundKind::renamed);
        CHECK(parsed.inbound[0].aliases == std::vector<Alias>{{"wa_user", "AR.1"}, {"wa_user", "AR.2"}});
        CHECK(parsed.inbound[1].aliases == std::vector<Alias>{{"wa_user", "AR.3"}, {"wa_user", "AR.4"}});
        CHECK(parsed.inbound[0].event_id != parsed.inbound[1].event_id);
    }
}

TEST_CASE("a changed phone number renames the contact") {
    const auto renamed = only(parse(one_message(
        R"("type":"system","system":{"type":"user_changed_number","wa_id":"5491166600000","body":"changed"})")));
    CHECK(renamed.kind == InboundKind::renamed);
    CHECK(renamed.aliases == std::vector<Alias>{{"wa_id", "5491155501234"}, {"wa_id", "5491166600000"}});
}

TEST_CASE("what has no id gets one from its bytes, the same at each delivery") {
    const auto body = whatsapp_webhook(messages_change(
        R"("messages":[{"from":"549","type":"text","text":{"body":"x"}},{"from":"549","type":"text","text":{"body":"y"}}])"));
    const auto first = parse(body);
    REQUIRE(first.inbound.size() == 2);
    CHECK(first.inbound[0].event_id.starts_with("sha256:"));
    CHECK(first.inbound[0].event_id != first.inbound[1].event_id);
    CHECK(ids(first) == ids(parse(body)));
}

TEST_CASE("an id longer than a database key is replaced, and the message is not lost") {
    const auto message =
        only_change(messages_change(R"("messages":[{"from":"549","id":")" + std::string(5'000, 'x') +
                                    R"(","type":"text","text":{"body":"x"}}])"));
    CHECK(message.kind == InboundKind::message);
    CHECK(message.event_id.size() == 71);
}

TEST_CASE("JSON of any other shape is kept whole") {
    for (const std::string body :
         {"null", "[]", "{}", "1", "\"x\"", "[{}]", R"({"entry":null})", R"({"entry":{}})", R"({"entry":[]})",
          R"({"entry":[1]})", R"({"entry":[{}]})", R"({"entry":[{"changes":[]}]})",
          R"({"entry":[{"changes":[null]}]})", R"({"entry":[{"changes":[[]]}]})",
          R"({"entry":[{"changes":[{"field":"messages","value":[]}]}]})",
          R"({"entry":[{"changes":[{"field":7,"value":{}}]}]})",
          R"({"entry":[{"changes":[{"field":"messages","value":{"messages":{"a":1}}}]}]})",
          R"({"entry":[{"changes":[{"field":"messages","value":{"messages":[]}}]}]})",
          R"({"entry":[{"changes":[{"field":"messages","value":{"messages":[null]}}]}]})"}) {
        CAPTURE(body);
        const auto kept = only(parse(body));
        CHECK(kept.kind == InboundKind::archived);
        CHECK(kept.raw != "");
        CHECK(kept.event_id != "");
    }
}

TEST_CASE("one part of unknown shape takes none of its siblings with it") {
    const auto parsed = parse(whatsapp_webhook(
        "7,null,{}," +
        messages_change(
            R"("messages":[3,null,{"id":{}},[],{"from":"549","id":"m","type":"text","text":{"body":"x"}}],"statuses":{"id":"s"},"errors":"e","contacts":"c")")));
    int messages = 0;
    for (const auto& inbound : parsed.inbound) messages += inbound.kind == InboundKind::message;
    CHECK(messages == 1);
    CHECK(parsed.inbound.size() == 10);
}
