// Conversations and their messages as a shop's people read them, and who answers.

#include <doctest/doctest.h>

#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

ConversationRow conversation(int n, std::int64_t minute = 1) {
    ConversationRow row;
    row.id = nth<ConversationId>(n);
    row.channel = "whatsapp";
    row.standing = "agent";
    row.account = nth<AccountId>(1);
    row.account_external_id = "1001";
    row.contact = nth<ContactId>(n);
    row.contact_name = "Ana";
    row.address_kind = "wa_id";
    row.address = "5491150000001";
    row.agent = 17;
    row.agent_name = "Ventas";
    row.created_at = at(0);
    row.active_at = at(minute * 60);
    row.active_minute = minute;
    return row;
}

MessageRow message(std::int64_t seq, int index, const std::string& direction, const std::string& standing) {
    MessageRow row;
    row.id = "m" + std::to_string(seq) + "-" + std::to_string(index);
    if (index < 0) row.seq = seq;
    row.direction = direction;
    row.author = direction == "in" ? "contact" : "agent";
    row.kind = "message";
    row.type = "text";
    row.text = "hola";
    row.at = at(seq);
    row.standing = standing;
    row.place = {seq, index};
    return row;
}

std::string path_of(int n) {
    return "/v1/conversations/" + nth<ConversationId>(n).to_string();
}

// The texts of every member of that name, in their order.
std::vector<std::string> every(const HttpResponse& answer, const std::string& name) {
    std::vector<std::string> values;
    const std::string start = "\"" + name + "\":\"";
    for (auto from = answer.body.find(start); from != std::string::npos;
         from = answer.body.find(start, from)) {
        from += start.size();
        values.push_back(answer.body.substr(from, answer.body.find('"', from) - from));
    }
    return values;
}

struct Talk : Server {
    Talk() {
        for (int n = 1; n <= 3; ++n) rows.conversations[{{1}, nth<ConversationId>(n)}] = conversation(n, n);
        rows.conversations[{{2}, nth<ConversationId>(9)}] = conversation(9);
    }
    TalkRows& rows = requests.rows.talk;
};

}  // namespace

TEST_CASE("conversations are chosen by channel, by who answers and by person") {
    Talk server;
    server.rows.conversations[{{1}, nth<ConversationId>(2)}].channel = "web";
    server.rows.conversations[{{1}, nth<ConversationId>(3)}].standing = "human";
    const auto count = [&](const std::string& query) {
        return every(server.ask("GET", "/v1/conversations" + query), "channel").size();
    };
    CHECK(count("") == 3);
    CHECK(count("?channel=web") == 1);
    CHECK(count("?standing=human") == 1);
    CHECK(count("?standing=agent&channel=whatsapp") == 1);
    CHECK(count("?contact=" + nth<ContactId>(2).to_string()) == 1);
    CHECK(server.ask("GET", "/v1/conversations?standing=nobody").status == 400);
    CHECK(server.ask("GET", "/v1/conversations?contact=x").status == 400);
}

TEST_CASE("a conversation that is read says who answers, and what it cost to the millionth") {
    Talk server;
    auto& row = server.rows.conversations[{{1}, nth<ConversationId>(1)}];
    row.external_chatwoot_id = "cw-1";
    row.log_name = "drawn";
    row.cost = Cost{{{"EUR", 1}, {"USD", 9'007'199'254'740'991}}, 2};
    const auto read = server.ask("GET", path_of(1));
    CHECK(read.status == 200);
    CHECK(read.body.find(R"("cost":{"amounts":[{"currency":"EUR","amount_micros":1},)"
                         R"({"currency":"USD","amount_micros":9007199254740991}],"unpriced_calls":2})") !=
          std::string::npos);
    CHECK(member(read, "standing") == "agent");
    CHECK(member(read, "external_chatwoot_id") == "cw-1");
    CHECK(member(read, "log_subject") == "conversation:drawn");
    CHECK(server.ask("GET", path_of(9)).status == 404);
    CHECK(server.ask("GET", path_of(77)).status == 404);
}

TEST_CASE(
    "a human takes a conversation and gives it back, whoever watches is told, and who did it is known") {
    Talk server;
    const std::string path = path_of(1) + "/standing";
    CHECK(member(server.ask("PUT", path, "admin", R"({"standing":"human"})"), "standing") == "human");
    CHECK(member(server.ask("PUT", path, "admin", R"({"standing":"agent"})"), "standing") == "agent");
    REQUIRE(server.live.heard.size() == 4);
    CHECK(server.live.heard[0].first == conversation_channel({1}, nth<ConversationId>(1)));
    CHECK(server.live.heard[0].second == live_changed());
    CHECK(server.live.heard[1].first == desk_channel);
    CHECK(server.live.heard[1].second == desk_changed({1}, nth<ConversationId>(1)));
    REQUIRE(server.rows.actors.size() == 2);
    CHECK(server.rows.actors[0].id == nth<UserId>(1).to_string());
    CHECK(server.ask("PUT", path, "admin", R"({"standing":"paused"})").status == 422);
    CHECK(server.ask("PUT", path_of(9) + "/standing", "admin", R"({"standing":"human"})").status == 404);
    CHECK(server.live.heard.size() == 4);
}

TEST_CASE("messages come newest first with how each stands, a bubble that was not sent behind its message") {
    Talk server;
    auto& messages = server.rows.messages[{{1}, nth<ConversationId>(1)}];
    messages.push_back(message(1, -1, "in", "superseded"));
    messages.push_back(message(1, 0, "out", "dropped"));
    messages.push_back(message(1, 1'000, "out", "waiting"));
    messages.push_back(message(2, -1, "in", "answered"));
    MessageRow sent = message(3, -1, "out", "sent");
    sent.delivery = DeliveryRow{1, "confirmed", "wamid.1", "read", at(5), "", at(4)};
    messages.push_back(sent);
    const auto whole = server.ask("GET", path_of(1) + "/messages");
    CHECK(every(whole, "id") == std::vector<std::string>{"m3--1", "m2--1", "m1-1000", "m1-0", "m1--1"});
    CHECK(member(whole, "provider_id") == "wamid.1");
    CHECK(member(whole, "receipt") == "read");
    CHECK(member(whole, "next") == "");
    for (const int limit : {1, 2, 3}) {
        std::vector<std::string> seen;
        std::string cursor;
        do {
            const auto page = server.ask("GET", path_of(1) + "/messages?limit=" + std::to_string(limit) +
                                                    (cursor.empty() ? std::string() : "&cursor=" + cursor));
            REQUIRE(page.status == 200);
            for (const auto& id : every(page, "id")) seen.push_back(id);
            cursor = member(page, "next");
        } while (!cursor.empty());
        CHECK(seen == every(whole, "id"));
    }
    CHECK(server.ask("GET", path_of(9) + "/messages").status == 404);
}

TEST_CASE("a cursor of one conversation's messages is none of another's") {
    Talk server;
    for (int n = 1; n <= 2; ++n) {
        auto& messages = server.rows.messages[{{1}, nth<ConversationId>(n)}];
        for (int seq = 1; seq <= 3; ++seq) messages.push_back(message(seq, -1, "in", "answered"));
    }
    const std::string cursor = member(server.ask("GET", path_of(1) + "/messages?limit=1"), "next");
    REQUIRE_FALSE(cursor.empty());
    CHECK(server.ask("GET", path_of(1) + "/messages?cursor=" + cursor).status == 200);
    CHECK(server.ask("GET", path_of(2) + "/messages?cursor=" + cursor).status == 400);
}
