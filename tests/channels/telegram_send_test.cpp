#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "channels/telegram.hpp"
#include "fake_http.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

const std::string token = "123456:AAcanary_-x";

Outbound bubble(Alias to = {"telegram_chat", "777"}) {
    return {.account = "bot",
            .to = std::move(to),
            .text = "Hola ¿qué tal?",
            .reply = some_reply,
            .token = Secret(token)};
}

Sent send(FakeHttp& http, Outbound out = bubble()) {
    Telegram telegram("https://api.telegram.org", http);
    return run(telegram.send(std::move(out), Ledger::allow(some_reply)));
}

Sent answered(int status, const std::string& body, HttpHeaders headers = {}) {
    FakeHttp http;
    http.answer(status, body, std::move(headers));
    auto sent = send(http);
    CHECK(sent.error.text.find("canary") == std::string::npos);
    return sent;
}

std::string refusal(int code, const std::string& description, const std::string& parameters = "{}") {
    return R"({"ok":false,"error_code":)" + std::to_string(code) + R"(,"description":")" + description +
           R"(","parameters":)" + parameters + "}";
}

}  // namespace

TEST_CASE("a bubble is posted to the bot's sendMessage and named by chat and message") {
    FakeHttp http;
    http.answer(200, R"({"ok":true,"result":{"message_id":31,"chat":{"id":777}}})");
    const auto sent = send(http);
    CHECK(sent.state == Sent::State::accepted);
    CHECK(sent.provider_id == "777:31");
    REQUIRE(http.calls.size() == 1);
    CHECK(http.calls.front().url == "https://api.telegram.org/bot123456:AAcanary_-x/sendMessage");
    CHECK(http.calls.front().body == R"({"chat_id":777,"text":"Hola ¿qué tal?"})");
    CHECK_FALSE(http.calls.front().reuse_connection);
}

TEST_CASE("an answer to a business message goes back through the owner's connection") {
    FakeHttp http;
    http.answer(200, R"({"ok":true,"result":{"message_id":31}})");
    const auto sent = send(http, bubble({"telegram_business", "bc-1:777"}));
    CHECK(sent.provider_id == "777:31");
    CHECK(http.calls.front().body ==
          R"({"business_connection_id":"bc-1","chat_id":777,"text":"Hola ¿qué tal?"})");
}

TEST_CASE("a business chat without a connection is written to without one") {
    for (const auto* chat : {"777", ":777"}) {
        FakeHttp http;
        http.answer(200, R"({"ok":true,"result":{"message_id":31}})");
        send(http, bubble({"telegram_business", chat}));
        CHECK(http.calls.front().body == R"({"chat_id":777,"text":"Hola ¿qué tal?"})");
    }
}

TEST_CASE("each error of the Bot API is what it is") {
    struct Case {
        int status;
        std::string body;
        Fault fault;
        const char* name;
        std::optional<Millis> pause;
    };
    const std::vector<Case> cases{
        {429, refusal(429, "Too Many Requests: retry after 17", R"({"retry_after":17})"), Fault::transient,
         "telegram.flood", Millis{17'000}},
        {429, refusal(429, "Too Many Requests"), Fault::transient, "telegram.flood", Millis{5'000}},
        {403, refusal(403, "Forbidden: bot was blocked by the user"), Fault::permanent, "telegram.blocked",
         std::nullopt},
        {400, refusal(400, "Bad Request: chat not found"), Fault::permanent, "telegram.rejected",
         std::nullopt},
        {400, refusal(400, "Bad Request: group chat was upgraded", R"({"migrate_to_chat_id":-1001})"),
         Fault::permanent, "telegram.migrated", std::nullopt},
        {401, refusal(401, "Unauthorized"), Fault::transient, "telegram.bad_token", Millis{300'000}},
        {404, refusal(404, "Not Found"), Fault::transient, "telegram.bad_token", Millis{300'000}},
        {500, refusal(500, "Internal Server Error"), Fault::transient, "telegram.unavailable", std::nullopt},
        {502, R"({"ok":false})", Fault::transient, "telegram.unavailable", std::nullopt},
    };
    for (const auto& expected : cases) {
        CAPTURE(expected.body);
        const auto sent = answered(expected.status, expected.body);
        CHECK(sent.state == Sent::State::refused);
        CHECK(sent.error.fault == expected.fault);
        CHECK(sent.error.code == expected.name);
        CHECK(sent.error.retry_after == expected.pause);
    }
}

TEST_CASE("what was not certainly refused is unknown") {
    for (const int status : {200, 500, 502, 504}) {
        for (const std::string body :
             {"", "<html>", "{}", R"({"ok":true})", R"({"ok":true,"result":{}})", "[]"}) {
            CAPTURE(status);
            CAPTURE(body);
            CHECK(answered(status, body).state == Sent::State::unknown);
        }
    }
    FakeHttp http;
    http.fail(Reached::maybe, "api.telegram.org:443: closed");
    CHECK(send(http).state == Sent::State::unknown);
    CHECK(send(http).error.code == "telegram.no_answer");
    http.fail(Reached::no, "api.telegram.org:443: refused");
    CHECK(send(http).state == Sent::State::refused);
    CHECK(send(http).error.code == "telegram.unreachable");
}

TEST_CASE("no error repeats the token that the address holds") {
    FakeHttp http;
    http.fail(Reached::no, "cannot reach https://api.telegram.org/bot" + token + "/sendMessage");
    CHECK(send(http).error.text == "cannot reach https://api.telegram.org/bot[token]/sendMessage");
    CHECK(answered(400, refusal(400, "bad " + token)).error.text.find("[token]") != std::string::npos);
}

TEST_CASE("typing is a chat action, and its failure is nobody's business") {
    FakeHttp http;
    http.answer(500, "no");
    Telegram telegram("http://127.0.0.1:9/telegram/", http);
    run(telegram.typing("bot", {"telegram_chat", "777"}, "", Secret(token)));
    REQUIRE(http.calls.size() == 1);
    CHECK(http.calls.front().url == "http://127.0.0.1:9/telegram/bot123456:AAcanary_-x/sendChatAction");
    CHECK(http.calls.front().body == R"({"chat_id":777,"action":"typing"})");
}

TEST_CASE("what the bot meets is told from what the chat meets") {
    for (const int code : {401, 500, 502}) CHECK(answered(code, refusal(code, "no")).away);
    for (const int code : {429, 403, 400}) CHECK_FALSE(answered(code, refusal(code, "no")).away);
    CHECK(answered(502, "<html>").away);
}

TEST_CASE("a pause of ages is cut to a day, and one of less than nothing is none") {
    const auto pause = [](const std::string& seconds) {
        return answered(429, refusal(429, "flood", R"({"retry_after":)" + seconds + "}")).error.retry_after;
    };
    CHECK(pause("9223372036854775807") == std::chrono::hours(24));
    CHECK(pause("86401") == std::chrono::hours(24));
    CHECK(pause("86399") == std::chrono::seconds(86'399));
    CHECK(pause("-9223372036854775808") == pause("0"));
    CHECK(pause("0").value() > Millis{0});
}

namespace {

AccountCheck check_account(FakeHttp& http, const std::string& account = "123456") {
    Telegram telegram("https://api.telegram.org", http);
    auto checked = run(telegram.check_account(account, Secret(token)));
    CHECK(checked.text.find("canary") == std::string::npos);
    return checked;
}

}  // namespace

TEST_CASE("a bot's token is checked with getMe and its webhook read with getWebhookInfo") {
    FakeHttp http;
    http.answer(
        200, R"({"ok":true,"result":{"id":123456,"url":"https://relevo.example/w","pending_update_count":2,)"
             R"("last_error_message":"Connection refused"}})");
    const auto checked = check_account(http);
    CHECK(checked.token == AccountCheck::Token::valid);
    CHECK(checked.webhook == "https://relevo.example/w");
    CHECK(checked.webhook_problem == "Connection refused");
    REQUIRE(http.calls.size() == 2);
    CHECK(http.calls[0].url == "https://api.telegram.org/bot123456:AAcanary_-x/getMe");
    CHECK(http.calls[1].url == "https://api.telegram.org/bot123456:AAcanary_-x/getWebhookInfo");
}

TEST_CASE("an old error of a webhook that delivers again is no problem") {
    FakeHttp http;
    http.answer(200, R"({"ok":true,"result":{"id":123456,"url":"","pending_update_count":0,)"
                     R"("last_error_message":"Connection refused"}})");
    const auto checked = check_account(http);
    CHECK(checked.webhook == "");
    CHECK(checked.webhook_problem == "");
}

TEST_CASE("a token that Telegram refuses, or that is another bot's, is refused") {
    FakeHttp http;
    http.answer(401, refusal(401, "Unauthorized"));
    CHECK(check_account(http).token == AccountCheck::Token::refused);
    http.answer(200, R"({"ok":true,"result":{"id":999}})");
    const auto other = check_account(http);
    CHECK(other.token == AccountCheck::Token::refused);
    CHECK(other.text == "the token is bot 999's");
}

TEST_CASE("while Telegram does not answer, nothing is said of a token") {
    FakeHttp http;
    http.fail(Reached::no, "api.telegram.org: connection refused");
    CHECK(check_account(http).token == AccountCheck::Token::unknown);
    http.answer(502, "<html>bad gateway</html>");
    CHECK(check_account(http).token == AccountCheck::Token::unknown);
    http.answer(429, refusal(429, "Too Many Requests", R"({"retry_after":3})"));
    CHECK(check_account(http).token == AccountCheck::Token::unknown);
}

TEST_CASE("a bot's updates are sent where setWebhook says, with its secret, and none that waits is lost") {
    FakeHttp http;
    Telegram telegram("https://api.telegram.org", http);
    const auto set = [&] {
        const auto done = run(
            telegram.set_webhook("https://relevo.example/w", Secret(std::string("s3cret")), Secret(token)));
        if (done.has_error()) CHECK(done.error().text.find("canary") == std::string::npos);
        return done ? std::string() : done.error().code;
    };
    CHECK(telegram.sets_webhook());
    http.answer(200, R"({"ok":true,"result":true,"description":"Webhook is already set"})");
    CHECK(set() == "");
    REQUIRE(http.calls.size() == 1);
    CHECK(http.calls[0].url == "https://api.telegram.org/bot123456:AAcanary_-x/setWebhook");
    const std::string& body = http.calls[0].body;
    CHECK(
        body.starts_with(R"({"url":"https://relevo.example/w","secret_token":"s3cret","allowed_updates":[)"));
    CHECK(body.find("\"message_reaction\"") != std::string::npos);
    CHECK(body.ends_with(R"("drop_pending_updates":false})"));
    http.answer(400, refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"));
    CHECK(set() == "telegram.rejected");
    http.answer(401, refusal(401, "Unauthorized"));
    CHECK(set() == "telegram.bad_token");
    http.answer(502, "<html>bad gateway</html>");
    CHECK(set() != "");
    http.fail(Reached::no, "api.telegram.org: connection refused");
    CHECK(set() == "telegram.unreachable");
}
