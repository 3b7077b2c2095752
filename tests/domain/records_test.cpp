#include "domain/records.hpp"

#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <rapidjson/istreamwrapper.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

#include <filesystem>
#include <fstream>

#include "domain/timer_codec.hpp"

namespace relevo {
namespace {

const AccountId account = account_id("whatsapp", "1000000001");
const TenantId tenant{17};
const ContactId contact = contact_id(tenant, "wa_id", "5491100000001");
const ConversationId conversation = conversation_id(tenant, contact, account);
const MessageId message = message_id(tenant, account, "wamid.1");
const TurnId turn = turn_id(conversation, message);

MessageReceived full_message() {
    MessageReceived record;
    record.channel = "whatsapp";
    record.scope = EndpointId{5};
    record.inbound = {.kind = InboundKind::echo,
                      .account = "1000000001",
                      .event_id = "wamid.1",
                      .aliases = {{"wa_id", "5491100000001"}, {"wa_user", "AR.99"}},
                      .name = "Ana \"la profe\"",
                      .type = "text",
                      .text = "¿Tenés puntas?\n👟",
                      .in_reply_to = "wamid.0",
                      .sent_at = from_millis(1'763'700'000'123),
                      .metadata = R"({"referral":{"source":"ad"}})",
                      .raw = R"({"type":"text"})"};
    return record;
}

ReceiptReceived full_receipt() {
    ReceiptReceived record{"whatsapp", EndpointId{5}, {}};
    record.receipt = {.account = "1000000001",
                      .provider_id = "wamid.out",
                      .reply = agent_reply_id(turn, 0).to_string(),
                      .status = ReceiptStatus::failed,
                      .at = from_millis(1'763'700'000'000),
                      .code = "131047",
                      .text = "24 hours"};
    return record;
}

rapidjson::Document schema_of(std::string_view topic) {
    std::ifstream file(std::string(RELEVO_SOURCE_DIR "/schemas/topics/") + std::string(topic) + ".json");
    rapidjson::IStreamWrapper stream(file);
    rapidjson::Document schema;
    schema.ParseStream(stream);
    REQUIRE_FALSE(schema.HasParseError());
    return schema;
}

// Empty where the value fits its topic's schema, else what does not.
std::string check(std::string_view topic, const std::string& value) {
    const auto source = schema_of(topic);
    const rapidjson::SchemaDocument schema(source);
    rapidjson::SchemaValidator validator(schema);
    rapidjson::Document document;
    document.Parse(value.data(), value.size());
    if (document.HasParseError()) return "not JSON";
    if (document.Accept(validator)) return {};
    rapidjson::StringBuffer where;
    validator.GetInvalidDocumentPointer().StringifyUriFragment(where);
    return std::string(where.GetString()) + ": " + validator.GetInvalidSchemaKeyword();
}

void check_malformed(const Error& error, std::string_view names) {
    CHECK(error.fault == Fault::permanent);
    CHECK(error.code == "record.malformed");
    CHECK_MESSAGE(error.text.find(names) != std::string::npos, error.text);
}

}  // namespace

TEST_CASE("a received message comes back as it was, line ends, quotes and emoji included") {
    const auto record = full_message();
    const auto back = decode_message_received(encode(record)).value();
    CHECK(back.channel == record.channel);
    CHECK(back.scope == record.scope);
    CHECK(back.inbound.kind == record.inbound.kind);
    CHECK(back.inbound.account == record.inbound.account);
    CHECK(back.inbound.event_id == record.inbound.event_id);
    CHECK(back.inbound.aliases == record.inbound.aliases);
    CHECK(back.inbound.name == record.inbound.name);
    CHECK(back.inbound.type == record.inbound.type);
    CHECK(back.inbound.text == record.inbound.text);
    CHECK(back.inbound.in_reply_to == record.inbound.in_reply_to);
    CHECK(back.inbound.sent_at == record.inbound.sent_at);
    CHECK(back.inbound.metadata == record.inbound.metadata);
    CHECK(back.inbound.raw == record.inbound.raw);
}

TEST_CASE("a received message without optional parts comes back with them empty") {
    MessageReceived record;
    record.channel = "web";
    record.inbound.event_id = "c1";
    const auto back = decode_message_received(encode(record)).value();
    CHECK(back.inbound.kind == InboundKind::archived);
    CHECK(back.inbound.aliases.empty());
    CHECK(back.inbound.text.empty());
    CHECK_FALSE(back.inbound.sent_at.has_value());
}

TEST_CASE("bytes that are not UTF-8 and zero bytes neither lose the message nor break the record") {
    MessageReceived record;
    record.channel = "web";
    record.inbound.event_id = "c1";
    record.inbound.text = std::string("a\xED\xA0\xBD z\0!", 8);
    const auto value = encode(record);
    CHECK(value.find("\\u0000") == std::string::npos);
    CHECK(decode_message_received(value)->inbound.text.ends_with(" z\xEF\xBF\xBD!"));
}

TEST_CASE("every kind of inbound and every receipt status survives the way") {
    for (int kind = 0; kind <= static_cast<int>(InboundKind::archived); ++kind) {
        auto record = full_message();
        record.inbound.kind = static_cast<InboundKind>(kind);
        CHECK(decode_message_received(encode(record))->inbound.kind == record.inbound.kind);
        CHECK(check(topics::messages_received, encode(record)) == "");
    }
    for (int status = 0; status <= static_cast<int>(ReceiptStatus::failed); ++status) {
        auto record = full_receipt();
        record.receipt.status = static_cast<ReceiptStatus>(status);
        CHECK(decode_receipt_received(encode(record))->receipt.status == record.receipt.status);
        CHECK(check(topics::receipts_received, encode(record)) == "");
    }
}

TEST_CASE("the records that carry ids come back as they were") {
    const auto resolved = decode_message_resolved(
        encode(MessageResolved{tenant, conversation, message, 9, {Millis{2'500}, Millis{60'000}, 20}}));
    CHECK(resolved->tenant == tenant);
    CHECK(resolved->conversation == conversation);
    CHECK(resolved->message == message);
    CHECK(resolved->seq == 9);
    CHECK(resolved->window.quiet == Millis{2'500});
    CHECK(resolved->window.max_wait == Millis{60'000});
    CHECK(resolved->window.max_count == 20);

    const auto step = decode_turn_step(encode(TurnStep{tenant, conversation, turn, 3}));
    CHECK(step->turn == turn);
    CHECK(step->step == 3);

    const auto reply = agent_reply_id(turn, 1);
    const auto asked = decode_reply_ready(encode(ReplyReady{tenant, conversation, reply, std::nullopt}));
    CHECK(asked->reply == reply);
    CHECK_FALSE(asked->turn.has_value());
    CHECK(decode_reply_ready(encode(ReplyReady{tenant, conversation, reply, turn}))->turn == turn);

    const auto receipt = decode_receipt_received(encode(full_receipt()));
    CHECK(receipt->receipt.provider_id == "wamid.out");
    CHECK(receipt->receipt.at == full_receipt().receipt.at);
    CHECK(receipt->receipt.code == "131047");
}

TEST_CASE("real records fit their topics' schemas") {
    CHECK(check(topics::messages_received, encode(full_message())) == "");
    CHECK(check(topics::messages_resolved, encode(MessageResolved{tenant, conversation, message, 1, {}})) ==
          "");
    for (const auto topic : {topics::turns_ready, topics::inferences_requested, topics::tools_requested}) {
        CHECK(check(topic, encode(TurnStep{tenant, conversation, turn, 0})) == "");
    }
    const auto reply = agent_reply_id(turn, 0);
    CHECK(check(topics::replies_ready, encode(ReplyReady{tenant, conversation, reply, turn})) == "");
    CHECK(check(topics::replies_ready, encode(ReplyReady{tenant, conversation, reply, std::nullopt})) == "");
    CHECK(check(topics::receipts_received, encode(full_receipt())) == "");
}

TEST_CASE("there is one schema a topic, and it takes fields that a newer producer adds") {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(RELEVO_SOURCE_DIR "/schemas/topics")) {
        files += entry.path().extension() == ".json";
    }
    CHECK(files == 8);
    auto value = encode(TurnStep{tenant, conversation, turn, 0});
    value.insert(1, R"("of_tomorrow":{"a":[1]},)");
    CHECK(check(topics::turns_ready, value) == "");
    CHECK(decode_turn_step(value)->turn == turn);
}

TEST_CASE("schemas refuse a record without an id, and one whose id is no UUID") {
    CHECK(check(topics::turns_ready, R"({"tenant":1,"step":0})") == "#: required");
    auto value = encode(TurnStep{tenant, conversation, turn, 0});
    value.replace(value.find(turn.to_string()), 8, "nonsense");
    CHECK(check(topics::turns_ready, value) == "#/turn: pattern");
}

TEST_CASE("what is malformed is refused for good, and the error names the field but not its value") {
    check_malformed(decode_turn_step("").error(), "not JSON");
    check_malformed(decode_turn_step("[]").error(), "not an object");
    check_malformed(decode_turn_step(R"({"tenant":1,"turn":"x"})").error(), "conversation is missing");
    auto value = encode(TurnStep{tenant, conversation, turn, 0});
    value.replace(value.find(turn.to_string()), 8, "s3cret!!");
    const auto error = decode_turn_step(value).error();
    check_malformed(error, "turn is not a UUID");
    CHECK(error.text.find("s3cret") == std::string::npos);
    check_malformed(decode_message_resolved(R"({"tenant":1.5})").error(), "tenant");
    check_malformed(decode_reply_ready(R"({"tenant":"1"})").error(), "tenant");
    check_malformed(
        decode_message_received(R"({"channel":"web","scope":1,"kind":"shout","event_id":"1","aliases":[]})")
            .error(),
        "kind");
    check_malformed(
        decode_message_received(
            R"({"channel":"web","scope":1,"kind":"message","event_id":"1","aliases":[{"kind":"a"}]})")
            .error(),
        "aliases[].value");
}

TEST_CASE("a step beyond its range is refused and not cut") {
    auto value = encode(TurnStep{tenant, conversation, turn, 7});
    value.replace(value.find(":7}"), 3, ":4294967296}");
    check_malformed(decode_turn_step(value).error(), "step");
}

TEST_CASE("a conversation's key begins with its tenant") {
    CHECK(conversation_key(tenant, conversation) == "17:" + conversation.to_string());
    CHECK(fairness_key(conversation_key(tenant, conversation)) == "17");
}

TEST_CASE("a record that nests a million deep overflows no stack") {
    const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
    CHECK(decode_message_received(deep).error().code == "record.malformed");
    const std::string value = encode(TurnStep{tenant, conversation, turn, 3});
    CHECK(decode_turn_step(value.substr(0, value.size() - 1) + R"(,"newer":)" + deep + "}")->step == 3);
    CHECK_THROWS_AS(decode_timer(deep), Failure);
}

}  // namespace relevo
