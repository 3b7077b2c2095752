// Conversations and messages as the API reads them.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/digest.hpp"
#include "domain/request_stores.hpp"
#include "postgres/json.hpp"
#include "postgres/request_stores.hpp"
#include "tests/postgres/books.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct TalkBench : BooksBench {
    std::unique_ptr<RequestBook> book = make_request_book(database, masters, "the installation");
    std::unique_ptr<RequestStores> stores = book->begin(std::nullopt);
    ConversationStore& talk = stores->conversations();
    Actor olga{"user", "olga", "Olga", "trace-1", Permissions::all()};

    std::vector<ConversationRow> list(ConversationQuery query = {}) {
        return run(talk.list(ballet, std::move(query)));
    }
    std::vector<MessageRow> messages(ConversationId conversation, SysTime now = at(30)) {
        return run(talk.messages(ballet, conversation, std::nullopt, 1'000, now)).value();
    }
    MessageRow first_in(ConversationId conversation, SysTime now = at(30)) {
        return messages(conversation, now).back();
    }
    bool hand_over(ConversationId conversation, bool to_human) {
        return run(talk.hand_over(ballet, conversation, to_human, at(50), olga));
    }
};

std::string person(int n) {
    return "549115000" + std::to_string(1'000 + n);
}

// Newest first: how each stands, and why.
std::string standings(const std::vector<MessageRow>& messages) {
    std::string text;
    for (const auto& row : messages)
        text += row.direction + " " + row.standing + (row.reason.empty() ? "" : ": " + row.reason) + "\n";
    return text;
}

}  // namespace

TEST_CASE("conversations come by the minute of their last activity, each once, whatever the page's size") {
    TalkBench bench;
    // of every third minute, and several at one
    for (int n = 0; n < 20; ++n) bench.from(person(n), at(n / 3 * 180));
    const auto whole = bench.list();
    REQUIRE(whole.size() == 20);
    CHECK(std::ranges::is_sorted(whole, std::greater<>(), [](const ConversationRow& row) {
        return std::pair(row.active_minute, row.id);
    }));
    CHECK(whole.front().active_minute == to_millis(at(6 * 180)) / 60'000);
    for (const int limit : {1, 3, 7}) {
        std::vector<ConversationId> seen;
        ConversationQuery query;
        query.limit = limit;
        for (;;) {
            const auto page = bench.list(query);
            if (page.empty()) break;
            for (const auto& row : page) seen.push_back(row.id);
            query.after = ConversationPlace{page.back().active_minute, page.back().id};
        }
        REQUIRE(seen.size() == whole.size());
        for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == whole[i].id);
    }
    CHECK(run(bench.talk.list(bench.other, {})).empty());
}

TEST_CASE("conversations are chosen by channel, by who answers and by person, in pages too") {
    TalkBench bench;
    for (int n = 0; n < 6; ++n) bench.from(person(n), at(n * 60));
    Inbound visit = inbound("visitor/1", "hola", "visitor");
    visit.aliases = {{"web_visitor", "visitor"}};
    const std::string key = bench.test.query(
        "SELECT external_id FROM accounts WHERE channel = 'web' "
        "AND tenant_id = " +
        bench.ballet.to_string());
    run(bench.resolve->store_message(bench.account("web", key), visit, at(90), "trace"));
    const auto oldest = bench.list().back();
    CHECK(bench.hand_over(oldest.id, true));
    const auto count = [&](ConversationQuery query) { return bench.list(std::move(query)).size(); };
    CHECK(count({}) == 7);
    CHECK(count({.channel = "web"}) == 1);
    // what a visitor is called opens their chat
    const auto seen = bench.list({.channel = "web"}).front();
    CHECK(seen.address == sha256_hex("visitor").substr(0, 12));
    const Json contact = Json::parse(run(bench.database.call(
        "get_contact", bench.ballet, R"({"contact":")" + seen.contact.to_string() + R"("})")));
    CHECK(contact["aliases"].items().at(0).text("value") == seen.address);
    CHECK(count({.channel = "whatsapp"}) == 6);
    CHECK(count({.standing = "human"}) == 1);
    CHECK(count({.standing = "agent"}) == 6);
    CHECK(count({.channel = "whatsapp", .standing = "agent"}) == 5);
    CHECK(count({.channel = "whatsapp", .standing = "agent", .limit = 2}) == 2);
    CHECK(count({.contact = oldest.contact}) == 1);
    CHECK(count({.standing = "agent", .contact = oldest.contact}) == 0);
    CHECK(count({.standing = "nobody"}) == 0);
    CHECK(count({.channel = "nothing"}) == 0);
}

TEST_CASE("while an operator has the shop wait, its agents' conversations stand paused") {
    TalkBench bench;
    const auto a = bench.from(person(1));
    const auto b = bench.from(person(2));
    CHECK(bench.hand_over(b.conversation, true));
    const auto count = [&](const std::string& standing) { return bench.list({.standing = standing}).size(); };
    CHECK(count("paused") == 0);
    bench.test.query(
        fmt::format("INSERT INTO pauses (stage, tenant_id, paused_by) VALUES ('infer', {}, 'op') "
                    "RETURNING 1",
                    bench.other.value));
    CHECK(count("paused") == 0);
    bench.test.query("UPDATE pauses SET tenant_id = NULL RETURNING 1");
    CHECK(count("paused") == 1);
    CHECK(count("agent") == 0);
    CHECK(count("human") == 1);
    CHECK(run(bench.talk.find(bench.ballet, a.conversation))->standing == "paused");
}

TEST_CASE("a conversation that is read has its account, person and agent, its names outside and its cost") {
    TalkBench bench;
    const auto stored = bench.from(person(1));
    bench.answer(bench.claim(stored, at(16)), {"sí"}, at(17));
    bench.test.query(
        "UPDATE conversations SET external_chatwoot_id = 'cw-1', external_account_id = 'acc-1' "
        "RETURNING 1");
    bench.test.query("UPDATE model_calls SET currency = 'USD', cost = 215, status = 'settled' RETURNING 1");
    const auto row = run(bench.talk.find(bench.ballet, stored.conversation)).value();
    CHECK(row.channel == "whatsapp");
    CHECK(row.standing == "agent");
    CHECK(row.account_external_id == "1001");
    CHECK(row.contact_name == "Ana");
    CHECK(row.address_kind == "wa_id");
    CHECK(row.address == person(1));
    CHECK(row.agent_name == "Asistente");
    CHECK(row.external_chatwoot_id == "cw-1");
    CHECK(row.external_account_id == "acc-1");
    REQUIRE(row.cost);
    CHECK(row.cost->micros == std::map<std::string, std::int64_t>{{"USD", 215}});
    CHECK_FALSE(bench.list().front().cost);
    CHECK_FALSE(run(bench.talk.find(bench.other, stored.conversation)));
}

TEST_CASE("a human takes over and gives back as at the desk, noted once under a name that tells nobody") {
    TalkBench bench;
    const auto stored = bench.from(person(1));
    const auto bubbles = bench.answer(bench.claim(stored, at(16)), {"uno", "dos"}, at(17));
    CHECK(bench.hand_over(stored.conversation, true));
    CHECK(bench.hand_over(stored.conversation, true));
    for (const auto& bubble : bubbles) CHECK(bench.reply_status(bubble) == "dropped");
    auto row = run(bench.talk.find(bench.ballet, stored.conversation)).value();
    CHECK(row.standing == "human");
    CHECK(bench.hand_over(stored.conversation, false));
    row = run(bench.talk.find(bench.ballet, stored.conversation)).value();
    CHECK(row.standing == "agent");
    const std::string noted = bench.test.query(
        "SELECT actor_id, before ->> 'standing', after ->> 'standing' FROM audit_log "
        "WHERE action = 'conversation.hand_over' ORDER BY id");
    CHECK(noted == "olga|agent|human\nolga|human|agent");
    CHECK(
        bench.test.query("SELECT DISTINCT subject FROM audit_log WHERE action = 'conversation.hand_over'") ==
        "conversation:" + row.log_name);
    CHECK(row.log_name != stored.conversation.to_string());
    CHECK_FALSE(run(bench.talk.hand_over(bench.other, stored.conversation, true, at(50), bench.olga)));
}

TEST_CASE("a message stands as the books have it") {
    TalkBench bench;
    bench.answered(person(1));
    const auto place = [&](int n) {
        return ConversationId::parse(
                   bench.test.query("SELECT conversation_id FROM messages WHERE event_id = 'wamid." +
                                    person(n) + "'"))
            .value();
    };
    CHECK(standings(bench.messages(place(1))) == "out sent\nin answered\n");

    bench.from(person(2));
    CHECK(standings(bench.messages(place(2))) == "in waiting: in flight\n");
    CHECK(standings(bench.messages(place(2), at(10'000))) == "in waiting: waits at buffer\n");

    bench.from(person(3));
    CHECK(bench.hand_over(place(3), true));
    CHECK(standings(bench.messages(place(3))) == "in human\n");

    const auto first = bench.from(person(4));
    const TurnId turn = bench.claim(first, at(16));
    bench.answer(turn, {"uno", "dos"}, at(17));
    const auto second = bench.store("again", "otra", at(18), person(4));
    const TurnId next = bench.claim(second, at(34));
    CHECK(standings(bench.messages(place(4))) ==
          "in waiting: in flight\nout dropped: superseded\nout dropped: superseded\nin superseded\n");
    CHECK(bench.first_in(place(4)).superseded_by == next.to_string());
    CHECK(bench.first_in(place(4)).turn == turn.to_string());

    const auto lost = bench.from(person(5));
    const TurnId stuck = bench.claim(lost, at(16));
    bench.dead("turns.ready", fmt::format("{}:{}", bench.ballet.value, lost.conversation.to_string()),
               fmt::format(R"({{"turn":"{}"}})", stuck.to_string()), "model.no_key");
    CHECK(standings(bench.messages(place(5))) == "in dead: model.no_key\n");

    bench.store("like", "👍", at(20), person(1), InboundKind::reaction);
    CHECK(bench.messages(place(1)).front().standing == "dropped");
    CHECK(bench.messages(place(1)).front().reason == "reaction");
}

TEST_CASE("a bubble has its newest attempt, and those that wait stand behind those that were sent") {
    TalkBench bench;
    const auto stored = bench.from(person(1));
    const auto bubbles = bench.answer(bench.claim(stored, at(16)), {"uno", "dos", "tres"}, at(17));
    bench.accept(bench.ask(bubbles[0], at(18)), "out.1", at(19));
    run(bench.settle->settle(bench.account(), {"1001", "out.1", "", ReceiptStatus::read, at(25), "", ""},
                             at(26)));
    const auto all = bench.messages(stored.conversation);
    CHECK(standings(all) == "out waiting\nout waiting\nout sent\nin waiting: in flight\n");
    REQUIRE(all[2].delivery);
    CHECK(all[2].delivery->status == "confirmed");
    CHECK(all[2].delivery->provider_id == "out.1");
    CHECK(all[2].delivery->receipt == "read");
    CHECK(all[2].delivery->receipt_at == at(25));
    CHECK(all[0].text == "tres");
    CHECK(all[0].id == bubbles[2].to_string());
    CHECK_FALSE(all[0].seq);
    CHECK_FALSE(all[0].delivery);
    for (const int limit : {1, 2, 3}) {
        std::vector<std::string> seen;
        std::optional<MessagePlace> after;
        for (;;) {
            const auto page =
                run(bench.talk.messages(bench.ballet, stored.conversation, after, limit, at(30))).value();
            if (page.empty()) break;
            CHECK(std::ssize(page) <= limit);
            for (const auto& row : page) seen.push_back(row.id);
            after = page.back().place;
        }
        REQUIRE(seen.size() == all.size());
        for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == all[i].id);
    }
    CHECK_FALSE(run(bench.talk.messages(bench.other, stored.conversation, std::nullopt, 9, at(30))));
}

TEST_CASE("a page of conversations, and what a message waits for, are found by an index under the policies") {
    TalkBench bench;
    bench.from(person(1));
    const auto plan = [&](const std::string& sql) {
        return bench.test.query(
            fmt::format("SET enable_seqscan = off; SET ROLE relevo_app; SET app.tenant_id = {0}; EXPLAIN "
                        "SELECT x.* FROM {1} AND x.tenant_id = {0}",
                        bench.ballet.value, sql));
    };
    const std::string page = plan(
        "conversations AS x WHERE x.channel = 'whatsapp' AND x.mode = 'agent' AND "
        "(x.active_minute, x.id) < (9, '00000000-0000-4000-8000-000000000009')");
    CHECK(page.find("conversations_newest") != std::string::npos);
    CHECK(page.find("Index Cond: ((channel = 'whatsapp'::text)") != std::string::npos);
    CHECK(page.find("(ROW(active_minute, id) < ", page.find("Index Cond")) != std::string::npos);
    CHECK(page.find("  Filter: ") == std::string::npos);
    CHECK(plan("timers AS x WHERE x.key = '1:a'").find("timers_with_key") != std::string::npos);
    CHECK(plan("dead_letters AS x WHERE x.record_key = '1:a'::bytea").find("dead_letters_with_key") !=
          std::string::npos);
}

TEST_CASE("messages of one minute leave the lists' index alone") {
    TalkBench bench;
    bench.from(person(1), at(0));
    const std::string minute = "SELECT active_minute, to_millis(updated_at) FROM conversations";
    const std::string before = bench.test.query(minute);
    bench.store("again", "otra", at(1), person(1));
    const std::string after = bench.test.query(minute);
    CHECK(after != before);
    CHECK(after.substr(0, after.find('|')) == before.substr(0, before.find('|')));
}
