#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "channels/whatsapp.hpp"
#include "fake_http.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

const std::string token = "EAAGcanary123";

Outbound bubble(Alias to = {"wa_id", "5491155501234"}) {
    return {.account = "106540352242922",
            .to = std::move(to),
            .text = "Hola \"Lucía\"\n¿qué talle?",
            .reply = some_reply,
            .token = Secret(token)};
}

Sent send(FakeHttp& http, int attempt = 1) {
    WhatsApp whatsapp("https://graph.facebook.com/", http);
    return run(whatsapp.send(bubble(), Ledger::allow(some_reply, attempt)));
}

Sent answered(int status, const std::string& body, HttpHeaders headers = {}) {
    FakeHttp http;
    http.answer(status, body, std::move(headers));
    auto sent = send(http);
    CHECK(sent.error.text.find(token) == std::string::npos);
    return sent;
}

std::string graph_error(int code, const std::string& message = "(#1) went wrong") {
    return R"({"error":{"message":")" + message + R"(","type":"OAuthException","code":)" +
           std::to_string(code) +
           R"(,"error_data":{"messaging_product":"whatsapp","details":"the details"},"fbtrace_id":"x"}})";
}

}  // namespace

TEST_CASE("a bubble is posted as the Cloud API wants it, with our reply id to find it by") {
    FakeHttp http;
    http.answer(
        200,
        R"({"messaging_product":"whatsapp","contacts":[{"input":"549","wa_id":"549"}],"messages":[{"id":"wamid.X"}]})");
    const auto sent = send(http);
    CHECK(sent.state == Sent::State::accepted);
    CHECK(sent.provider_id == "wamid.X");
    REQUIRE(http.calls.size() == 1);
    const auto& call = http.calls.front();
    CHECK(call.method == "POST");
    CHECK(call.url == "https://graph.facebook.com/v23.0/106540352242922/messages");
    CHECK(call.headers ==
          HttpHeaders{{"Authorization", "Bearer " + token}, {"Content-Type", "application/json"}});
    CHECK(call.body ==
          R"({"messaging_product":"whatsapp","recipient_type":"individual","to":"5491155501234",)"
          R"("type":"text","text":{"body":"Hola \"Lucía\"\n¿qué talle?","preview_url":false},)"
          R"("biz_opaque_callback_data":")" +
              some_reply.to_string() + "\"}");
    CHECK(call.deadline <= Millis{15'000});
    CHECK_FALSE(call.reuse_connection);
}

TEST_CASE("a base address with a path keeps it before the version") {
    FakeHttp http;
    http.answer(200, "{}");
    WhatsApp whatsapp("http://127.0.0.1:9/whatsapp", http);
    run(whatsapp.send(bubble(), Ledger::allow(some_reply)));
    CHECK(http.calls.front().url == "http://127.0.0.1:9/whatsapp/v23.0/106540352242922/messages");
}

TEST_CASE("a contact without phone number is addressed as recipient") {
    FakeHttp http;
    http.answer(200, R"({"messages":[{"id":"wamid.X"}]})");
    WhatsApp whatsapp("https://graph.facebook.com", http);
    run(whatsapp.send(bubble({"wa_user", "AR.77"}), Ledger::allow(some_reply)));
    CHECK(http.calls.front().body.find(R"("recipient":"AR.77")") != std::string::npos);
    CHECK(http.calls.front().body.find(R"("to":)") == std::string::npos);
}

TEST_CASE("each error of the Cloud API is what it is") {
    struct Case {
        int status;
        int code;
        Fault fault;
        const char* name;
        std::optional<Millis> pause;
    };
    const std::vector<Case> cases{
        {400, 131056, Fault::transient, "whatsapp.pair_rate", Millis{6'000}},
        {429, 130429, Fault::transient, "whatsapp.throughput", Millis{30'000}},
        {400, 80007, Fault::transient, "whatsapp.throughput", Millis{30'000}},
        {400, 4, Fault::transient, "whatsapp.throughput", Millis{30'000}},
        {400, 131026, Fault::permanent, "whatsapp.undeliverable", std::nullopt},
        {400, 131047, Fault::permanent, "whatsapp.window_closed", std::nullopt},
        {401, 190, Fault::transient, "whatsapp.bad_token", Millis{300'000}},
        {401, 0, Fault::transient, "whatsapp.bad_token", Millis{300'000}},
        {403, 200, Fault::transient, "whatsapp.bad_token", Millis{300'000}},
        {403, 368, Fault::transient, "whatsapp.account_blocked", Millis{300'000}},
        {500, 131000, Fault::transient, "whatsapp.unavailable", std::nullopt},
        {503, 131016, Fault::transient, "whatsapp.unavailable", std::nullopt},
        {503, 2, Fault::transient, "whatsapp.unavailable", std::nullopt},
        {500, 1, Fault::transient, "whatsapp.unavailable", std::nullopt},
        {500, 987654, Fault::transient, "whatsapp.unavailable", std::nullopt},
        {400, 100, Fault::permanent, "whatsapp.rejected", std::nullopt},
        {400, 987654, Fault::permanent, "whatsapp.rejected", std::nullopt},
    };
    for (const auto& expected : cases) {
        CAPTURE(expected.code);
        const auto sent = answered(expected.status, graph_error(expected.code));
        CHECK(sent.state == Sent::State::refused);
        CHECK(sent.error.fault == expected.fault);
        CHECK(sent.error.code == expected.name);
        CHECK(sent.error.retry_after == expected.pause);
        CHECK(sent.error.text.find(std::to_string(expected.code)) != std::string::npos);
    }
}

TEST_CASE("the recipient whom the provider names in a refusal is not repeated") {
    const auto sent = answered(400, graph_error(131030, "(#131030) +54 9 11 5555-0123 is not in the list"));
    CHECK(sent.error.text.find("[PHONE_1] is not in the list (the details)") != std::string::npos);
    CHECK(sent.error.text.find("0123") == std::string::npos);
}

TEST_CASE(
    "the pause after a pair-rate refusal grows fourfold with each attempt, up to a quarter of an hour or "
    "so") {
    FakeHttp http;
    http.answer(400, graph_error(131056));
    CHECK(send(http, 1).error.retry_after == Millis{6'000});
    CHECK(send(http, 2).error.retry_after == Millis{16'000});
    CHECK(send(http, 3).error.retry_after == Millis{64'000});
    CHECK(send(http, 90).error.retry_after == Millis{1'024'000});
}

TEST_CASE("Retry-After is honoured where it asks for more") {
    CHECK(answered(429, graph_error(130429), {{"retry-after", "90"}}).error.retry_after == Millis{90'000});
    CHECK(answered(429, graph_error(130429), {{"retry-after", "1"}}).error.retry_after == Millis{30'000});
    CHECK(answered(429, graph_error(130429), {{"retry-after", "soon"}}).error.retry_after == Millis{30'000});
    CHECK(answered(429, "<html>", {{"Retry-After", "7"}}).error.retry_after == Millis{7'000});
    CHECK(answered(429, "<html>", {{"Retry-After", "304444444"}}).error.retry_after ==
          std::chrono::hours(24));
}

TEST_CASE("what was not certainly refused is unknown") {
    for (const int status : {200, 201, 500, 502, 503, 504, 408}) {
        for (const std::string body :
             {"", "<html>Bad Gateway</html>", "{}", "[]", R"({"messages":[]})", R"({"messages":[{"id":""}]})",
              R"({"error":"oops"})", R"({"error":{"code":"x"}})"}) {
            CAPTURE(status);
            CAPTURE(body);
            CHECK(answered(status, body).state == Sent::State::unknown);
        }
    }
    CHECK(answered(500, R"({"messages":[{"id":"wamid.X"}]})").state == Sent::State::unknown);
    FakeHttp http;
    http.fail(Reached::maybe, "graph.facebook.com:443: deadline of 10000 ms");
    const auto sent = send(http);
    CHECK(sent.state == Sent::State::unknown);
    CHECK(sent.error.code == "whatsapp.no_answer");
}

TEST_CASE("a call that cannot have arrived, or that a gateway turned away, may be tried again") {
    FakeHttp http;
    http.fail(Reached::no, "graph.facebook.com:443: connection refused");
    const auto sent = send(http);
    CHECK(sent.state == Sent::State::refused);
    CHECK(sent.error.fault == Fault::transient);
    CHECK(sent.error.code == "whatsapp.unreachable");
    for (const int status : {301, 403, 404, 413, 429}) {
        CAPTURE(status);
        const auto turned_away = answered(status, "<html>");
        CHECK(turned_away.state == Sent::State::refused);
        CHECK(turned_away.error.fault == Fault::transient);
        CHECK(turned_away.error.code == "whatsapp.unreadable");
    }
}

TEST_CASE("no error repeats the token, not even where Meta does") {
    CHECK(answered(400, graph_error(100, "bad value " + token)).error.text.find("bad value [token]") !=
          std::string::npos);
    // Cut in the middle it could not be recognised: the whole message stays away.
    const auto sent = answered(401, graph_error(190, "Malformed access token " + token.substr(0, 9)));
    CHECK(sent.error.text.find(token.substr(0, 9)) == std::string::npos);
    CHECK(sent.error.text.find("ACCESS_TOKEN") != std::string::npos);
}

TEST_CASE("an account's name cannot leave its place in the path") {
    FakeHttp http;
    http.answer(200, "{}");
    WhatsApp whatsapp("https://graph.facebook.com", http);
    for (const std::string account : {"../me", "..", "1/messages?x=", "1#"}) {
        auto out = bubble();
        out.account = account;
        run(whatsapp.send(std::move(out), Ledger::allow(some_reply)));
        const auto& url = http.calls.back().url;
        CAPTURE(url);
        CHECK(std::count(url.begin(), url.end(), '/') == 5);
        CHECK(url.find_first_of("?#") == std::string::npos);
        CHECK(url.find("/../") == std::string::npos);
    }
}

TEST_CASE("typing marks the message as read and shows the indicator, and its failure is nobody's business") {
    FakeHttp http;
    http.fail(Reached::maybe, "gone");
    WhatsApp whatsapp("https://graph.facebook.com", http);
    run(whatsapp.typing("106540352242922", {"wa_id", "549"}, "wamid.A1", Secret(token)));
    REQUIRE(http.calls.size() == 1);
    CHECK(http.calls.front().url == "https://graph.facebook.com/v23.0/106540352242922/messages");
    CHECK(
        http.calls.front().body ==
        R"({"messaging_product":"whatsapp","status":"read","message_id":"wamid.A1","typing_indicator":{"type":"text"}})");
    CHECK(http.calls.front().deadline == Millis{3'000});
    run(whatsapp.typing("106540352242922", {"wa_id", "549"}, "", Secret(token)));
    CHECK(http.calls.size() == 1);
}

TEST_CASE("what the account meets is told from what the recipient meets") {
    for (const int code : {130429, 131000, 131016, 190, 368}) CHECK(answered(503, graph_error(code)).away);
    for (const int code : {131056, 131026, 131047, 131051})
        CHECK_FALSE(answered(400, graph_error(code)).away);
    CHECK(answered(502, "<html>").away);
    CHECK_FALSE(answered(200, R"({"messages":[{"id":"wamid.X"}]})").away);
}

namespace {

AccountCheck check_account(FakeHttp& http) {
    WhatsApp whatsapp("https://graph.facebook.com/", http);
    auto checked = run(whatsapp.check_account("106540352242922", Secret(token)));
    CHECK(checked.text.find(token) == std::string::npos);
    return checked;
}

}  // namespace

TEST_CASE("a number's token is checked by reading the number and where its webhooks go") {
    FakeHttp http;
    http.answer(200,
                R"({"id":"106540352242922","webhook_configuration":{"application":"https://app.example/w",)"
                R"("whatsapp_business_account":"https://relevo.example/w"}})");
    const auto checked = check_account(http);
    CHECK(checked.token == AccountCheck::Token::valid);
    CHECK(checked.webhook == "https://relevo.example/w");
    REQUIRE(http.calls.size() == 1);
    CHECK(http.calls.front().method == "GET");
    CHECK(http.calls.front().body == "");
    CHECK(http.calls.front().url ==
          "https://graph.facebook.com/v23.0/106540352242922?fields=id,webhook_configuration");
    CHECK(http.calls.front().headers == HttpHeaders{{"Authorization", "Bearer " + token}});
    http.answer(200, R"({"id":"106540352242922"})");
    CHECK_FALSE(check_account(http).webhook.has_value());
}

TEST_CASE("a token that Meta refuses, or not for this number, is refused") {
    FakeHttp http;
    http.answer(401, graph_error(190, "Malformed access token " + token));
    CHECK(check_account(http).token == AccountCheck::Token::refused);
    http.answer(400, graph_error(100, "Unsupported get request. Object does not exist"));
    CHECK(check_account(http).token == AccountCheck::Token::refused);
}

TEST_CASE("while Meta does not answer, nothing is said of a token") {
    FakeHttp http;
    http.fail(Reached::maybe, "graph.facebook.com: deadline");
    CHECK(check_account(http).token == AccountCheck::Token::unknown);
    http.answer(503, graph_error(2, "Service temporarily unavailable"));
    CHECK(check_account(http).token == AccountCheck::Token::unknown);
    http.answer(200, "<html></html>");
    CHECK(check_account(http).token == AccountCheck::Token::unknown);
}
