#include "core/ids.hpp"

#include <doctest/doctest.h>

namespace relevo {
namespace {

const TenantId tenant{7};
const AccountId account = account_id("whatsapp", "106540352242922");
const ContactId contact = contact_id(tenant, "wa_id", "5491155550000");
const ConversationId conversation = conversation_id(tenant, contact, account);
const MessageId message = message_id(tenant, account, "wamid.A");
const TurnId turn = turn_id(conversation, message);

}  // namespace

TEST_CASE("ids are the same for ever: rows and records of years ago carry them") {
    CHECK(account.to_string() == "77e6cef1-39b6-8500-b7a9-e34b1dff1f7e");
    CHECK(contact.to_string() == "109a4d80-8f66-8577-b626-7955d2e5787c");
    CHECK(conversation.to_string() == "10a243e1-c302-8776-9bac-23d09579b7aa");
    CHECK(message.to_string() == "32267b2d-13b4-8313-934e-db00ddd25a72");
    CHECK(turn.to_string() == "9c52096a-5953-8ef4-a9da-52906773b245");
    CHECK(agent_reply_id(turn, 0).to_string() == "af8ba254-bdad-86ea-adc1-7a252d5647b6");
    CHECK(requested_reply_id(conversation, "c1").to_string() == "e95e94aa-025e-817a-be64-9f0a3a457e43");
    CHECK(timer_id("replies.ready", "7:x", "r1").to_string() == "9fd574f9-ad79-8675-b98e-94a53fdce61d");
}

TEST_CASE("whatever differs makes another id") {
    CHECK(contact_id({8}, "wa_id", "5491155550000") != contact);
    CHECK(contact_id(tenant, "telegram_chat", "5491155550000") != contact);
    CHECK(message_id({8}, account, "wamid.A") != message);
    CHECK(agent_reply_id(turn, 0) != agent_reply_id(turn, 1));
    CHECK(agent_reply_id(turn, 1).bytes != requested_reply_id(conversation, "1").bytes);
}

TEST_CASE("where one part ends and the next begins counts") {
    CHECK(hash_uuid("x", {"ab", "c"}) != hash_uuid("x", {"a", "bc"}));
    CHECK(hash_uuid("x", {"ab"}) != hash_uuid("x", {"ab", ""}));
    CHECK(hash_uuid("xa", {"b"}) != hash_uuid("x", {"ab"}));
}

TEST_CASE("an id is a version 8 UUID and is read back as it was written") {
    const std::string text = message.to_string();
    CHECK(text[14] == '8');
    CHECK(std::string("89ab").find(text[19]) != std::string::npos);
    CHECK(MessageId::parse(text) == message);
    CHECK(MessageId::parse("0123ABCD-0123-8123-8123-0123456789AB")->to_string() ==
          "0123abcd-0123-8123-8123-0123456789ab");
}

TEST_CASE("what is no UUID is no id") {
    for (const auto* text :
         {"", "0123abcd-0123-8123-8123-0123456789a", "0123abcd-0123-8123-8123-0123456789abc",
          "0123abcd+0123-8123-8123-0123456789ab", "0123abcg-0123-8123-8123-0123456789ab",
          "0123abcd0123-8123-8123-0123456789ab-"}) {
        CAPTURE(text);
        CHECK_FALSE(MessageId::parse(text));
    }
}

}  // namespace relevo
