#include "channels/telegram_parse.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/random.hpp"

using namespace relevo;

namespace {

Inbound parse(const std::string& body) {
    auto parsed = parse_telegram(body);
    REQUIRE(parsed.has_value());
    CHECK(parsed->receipts.empty());
    REQUIRE(parsed->inbound.size() == 1);
    return std::move(parsed->inbound.front());
}

const std::string private_chat =
    R"("chat":{"id":777,"type":"private","first_name":"Luc\u00eda","last_name":"Paz"})";
const std::string sender =
    R"("from":{"id":777,"is_bot":false,"first_name":"Luc\u00eda","language_code":"es"})";

Inbound message(const std::string& members) {
    return parse(R"({"update_id":42,"message":{"message_id":9,"date":1795262400,)" + sender + "," +
                 private_chat + "," + members + "}}");
}

}  // namespace

TEST_CASE("a private message names chat, person, time and words") {
    const auto inbound = message(R"("text":"Hola, \u00bftienen puntas?")");
    CHECK(inbound.kind == InboundKind::message);
    CHECK(inbound.account == "");
    CHECK(inbound.event_id == "42");
    CHECK(inbound.aliases == std::vector<Alias>{{"telegram_chat", "777"}});
    CHECK(inbound.name == "Lucía Paz");
    CHECK(inbound.type == "text");
    CHECK(inbound.text == "Hola, ¿tienen puntas?");
    CHECK(inbound.sent_at == from_millis(1'795'262'400'000));
    CHECK(inbound.metadata == R"({"message_id":9,"language_code":"es"})");
}

TEST_CASE("each kind of content is read as what its sender meant") {
    struct Case {
        const char* members;
        const char* type;
        const char* text;
    };
    const std::vector<Case> cases{
        {R"("voice":{"file_id":"f","duration":3})", "voice", "[voice]"},
        {R"("photo":[{"file_id":"s"},{"file_id":"l"}],"caption":"este","media_group_id":"g")", "photo",
         "este"},
        {R"("photo":[{"file_id":"s"}])", "photo", "[photo]"},
        {R"("document":{"file_id":"f","file_name":"talles.pdf"})", "document", "[document: talles.pdf]"},
        {R"("animation":{"file_id":"f"},"document":{"file_id":"f","file_name":"x.gif"})", "animation",
         "[animation]"},
        {R"("sticker":{"emoji":"\ud83d\ude00","file_id":"f"})", "sticker", "[sticker: 😀]"},
        {R"("video_note":{"file_id":"f"})", "video_note", "[video]"},
        {R"("location":{"latitude":-34.6,"longitude":-58.38})", "location", "[location: -34.6, -58.38]"},
        {R"("location":{"latitude":1,"longitude":2},"venue":{"location":{"latitude":1,"longitude":2},"title":"Caf\u00e9","address":"Calle 1"})",
         "venue", "[location: Café, Calle 1, 1, 2]"},
        {R"("contact":{"first_name":"Ana","phone_number":"+54"})", "contact", "[contacts: Ana (+54)]"},
        {R"("dice":{"emoji":"x","value":6})", "dice", "[dice: x, 6]"},
        {R"("text":"/start ad1")", "text", "/start ad1"},
    };
    for (const auto& expected : cases) {
        CAPTURE(std::string(expected.members));
        const auto inbound = message(expected.members);
        CHECK(inbound.kind == InboundKind::message);
        CHECK(inbound.type == expected.type);
        CHECK(inbound.text == expected.text);
    }
    CHECK(message(cases[1].members).metadata.find(R"("media_group_id":"g")") != std::string::npos);
    CHECK(message(cases[1].members).metadata.find(R"("file_id":"l")") != std::string::npos);
}

TEST_CASE("a quoted message is named as send() names it") {
    const auto inbound =
        message(R"("text":"s\u00ed","reply_to_message":{"message_id":5,"text":"\u00bfT 38?"})");
    CHECK(inbound.in_reply_to == "777:5");
    CHECK(inbound.metadata.find(R"("reply_to_message":{"message_id":5,"text":"¿T 38?"})") !=
          std::string::npos);
}

TEST_CASE("a business message is the customer's or the owner's, by who wrote it") {
    const auto business = [](const std::string& from, const std::string& more = "") {
        return parse(
            R"({"update_id":43,"business_message":{"message_id":9,"business_connection_id":"bc","from":{"id":)" +
            from + "}," + private_chat + more + R"(,"text":"x"}})");
    };
    const std::vector<Alias> aliases{{"telegram_business", "bc:777"}, {"telegram_chat", "777"}};
    CHECK(business("777").kind == InboundKind::message);
    CHECK(business("777").aliases == aliases);
    CHECK(business("1000").kind == InboundKind::echo);
    CHECK(business("1000").aliases == aliases);
    CHECK(business("1000").name == "Lucía Paz");
    // What a bot sends in the owner's name is no human's.
    CHECK(business("1000", R"(,"sender_business_bot":{"id":5})").kind == InboundKind::archived);
}

TEST_CASE("a pressed button is a message, also where its own message is too old to be read") {
    const auto pressed = parse(
        R"({"update_id":44,"callback_query":{"id":"q","from":{"id":777,"first_name":"Ana"},"message":{"message_id":3,"date":0,)" +
        private_chat + R"(},"data":"talle-38"}})");
    CHECK(pressed.kind == InboundKind::message);
    CHECK(pressed.text == "talle-38");
    CHECK(pressed.aliases == std::vector<Alias>{{"telegram_chat", "777"}});
    CHECK(pressed.in_reply_to == "777:3");
    CHECK_FALSE(pressed.sent_at.has_value());
}

TEST_CASE(
    "a pressed button is answered in the webhook's response, wherever it was pressed, and nothing else is") {
    const auto answer = [](const std::string& update) {
        return parse_telegram(R"({"update_id":45,)" + update + "}").value().answer;
    };
    const std::string stop = R"({"method":"answerCallbackQuery","callback_query_id":"4382"})";
    CHECK(answer(R"("callback_query":{"id":"4382","data":"x","message":{"message_id":1,)" + private_chat +
                 "}}") == stop);
    CHECK(answer(R"("callback_query":{"id":"4382","data":"x","inline_message_id":"i"})") == stop);
    CHECK(answer(R"("message":{"message_id":9,"text":"hola",)" + private_chat + "}") == "{}");
    CHECK(answer(R"("callback_query":{"data":"x"})") == "{}");
}

TEST_CASE("a reaction is one, also when it is taken back") {
    const auto reaction = [](const std::string& list) {
        return parse(
            R"({"update_id":45,"message_reaction":{"message_id":3,"date":1795262400,"user":{"id":777},)" +
            private_chat + R"(,"old_reaction":[],"new_reaction":)" + list + "}}");
    };
    CHECK(reaction(R"([{"type":"emoji","emoji":"\ud83d\udc4d"}])").kind == InboundKind::reaction);
    CHECK(reaction(R"([{"type":"emoji","emoji":"\ud83d\udc4d"}])").text == "👍");
    CHECK(reaction(R"([{"type":"custom_emoji","custom_emoji_id":"1"}])").text == "[reaction]");
    CHECK(reaction("[]").text == "[reaction removed]");
    CHECK(reaction("[]").in_reply_to == "777:3");
}

TEST_CASE("what opens no turn is kept as it came") {
    const std::string group = R"("chat":{"id":-100,"type":"supergroup","title":"g"})";
    const std::vector<std::string> updates{
        R"("edited_message":{"message_id":9,)" + sender + "," + private_chat + R"(,"text":"new"})",
        R"("message":{"message_id":9,)" + sender + "," + group + R"(,"text":"x"})",
        R"("message":{"message_id":9,)" + sender + "," + private_chat + R"(,"pinned_message":{}})",
        R"("message":{"message_id":9,"text":"no chat"})",
        R"("message":{"message_id":9,)" + private_chat + R"(,"text":""})",
        R"("channel_post":{"message_id":9,"chat":{"id":-1,"type":"channel"},"text":"x"})",
        R"("my_chat_member":{"chat":{"id":777,"type":"private"},"new_chat_member":{"status":"kicked"}})",
        R"("callback_query":{"id":"q","data":"x","message":{"message_id":1,)" + group + "}}",
        R"("callback_query":{"id":"q","data":"x","inline_message_id":"i"})",
        R"("message_reaction":{"message_id":1,)" + group + R"(,"new_reaction":[]})",
        R"("something_new":{"a":1})",
        R"("message":null)",
        R"("message":[1])",
    };
    for (const auto& update : updates) {
        CAPTURE(update);
        const auto kept = parse(R"({"update_id":46,)" + update + "}");
        CHECK(kept.kind == InboundKind::archived);
        CHECK(kept.event_id == "46");
        CHECK(kept.raw.starts_with(R"({"update_id":46)"));
        CHECK(kept.aliases.empty());
    }
}

TEST_CASE("JSON that is no update is kept under its own hash, what is not JSON is refused") {
    for (const std::string body : {"null", "[]", "7", "\"x\"", "{}", "[{\"update_id\":1}]"}) {
        CAPTURE(body);
        const auto kept = parse(body);
        CHECK(kept.kind == InboundKind::archived);
        CHECK(kept.event_id.starts_with("sha256:"));
        CHECK(kept.raw == body);
    }
    CHECK(parse_telegram("{").error().code == "webhook.bad_json");
}

TEST_CASE("lone surrogates and U+0000 lose no message") {
    CHECK(message(R"("text":"hola \ude00 \u0000")").text == "hola \uFFFD \uFFFD");
}

TEST_CASE("bytes that were cut or flipped are parsed or refused, and never worse") {
    const std::string original = R"({"update_id":42,"message":{"message_id":9,"date":1795262400,)" + sender +
                                 "," + private_chat +
                                 R"(,"text":"hola","reply_to_message":{"message_id":5}}})";
    SeededRandom random(7);
    for (int round = 0; round < 10'000; ++round) {
        std::string bytes = original;
        bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
        if (random.below(3) == 0) bytes.resize(random.below(bytes.size()));
        CAPTURE(bytes);
        const auto parsed = parse_telegram(bytes);
        if (!parsed) {
            REQUIRE(parsed.error().code == "webhook.bad_json");
            continue;
        }
        REQUIRE(parsed->inbound.size() == 1);
        const auto& inbound = parsed->inbound.front();
        REQUIRE((inbound.kind == InboundKind::archived ? !inbound.raw.empty() : !inbound.aliases.empty()));
    }
}
