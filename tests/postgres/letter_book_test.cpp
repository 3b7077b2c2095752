#include <doctest/doctest.h>
#include <fmt/format.h>

#include "core/json_object.hpp"
#include "postgres/json.hpp"
#include "postgres/operator_books.hpp"
#include "postgres/shops.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Bench : Fixture {
    std::unique_ptr<LetterBook> book =
        make_letter_book({Secret(test.operator_url()), Secret(test.operator_text_url())},
                         DatabaseConfig{.url = test.app_url(), .connections = 2});
    std::unique_ptr<DeadLetters> letters = make_dead_letters(database);
    std::int64_t next_offset = 100;

    // A message that came in for an account of WhatsApp: what resolve could not handle.
    DeadLetter received(const std::string& account, const std::string& person, const std::string& event,
                        std::string code = "resolve.unknown_account") {
        DeadLetter letter;
        letter.stage = "resolve";
        letter.topic = "messages.received";
        letter.offset = {next_offset++};
        letter.key = "whatsapp/" + account + ":" + person;
        letter.value = fmt::format(
            R"({{"channel":"whatsapp","scope":1,"kind":"message","account":"{}","event_id":"{}","aliases":[{{"kind":"wa_id","value":"{}"}}],"text":"canary"}})",
            account, event, person);
        letter.headers = fmt::format(
            R"({{"ce_id":"{}","ce_type":"t","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","ce_time":"2026-05-29T12:26:40.000Z","expires":"2026-05-30T12:26:40.000Z"}})",
            event);
        letter.code = std::move(code);
        letter.text = "no shop has it";
        return letter;
    }
    void bury(const DeadLetter& letter) { run(letters->bury({letter})); }
    std::vector<Letter> dead(LetterFilter filter = {}) { return book->list(filter, 0, 100); }
    std::vector<std::int64_t> ids() {
        std::vector<std::int64_t> all;
        for (const auto& letter : dead()) all.push_back(letter.id);
        return all;
    }
    // What wake would lease now: the records' ids, in its order.
    std::string leased() {
        const std::string got = run(database.call("lease_timers", TenantId{},
                                                  R"({"now":4000000000000,"lease_ms":60000,"limit":100})"));
        std::string out;
        for (const auto& row : Json::parse(got).items()) {
            const auto id = row.text("id");
            out += test.query("SELECT headers ->> 'id' FROM timers WHERE id = '" + id + "'") + " ";
        }
        return out;
    }
};

}  // namespace

TEST_CASE("a letter is listed with what its record speaks of, and never with its words") {
    Bench bench;
    bench.bury(bench.received("9", "549", "wamid.1"));
    const auto letters = bench.dead();
    REQUIRE(letters.size() == 1);
    CHECK(letters[0].code == "resolve.unknown_account");
    CHECK(letters[0].key == "whatsapp/9:549");
    CHECK(letters[0].about.find("wamid.1") != std::string::npos);
    CHECK(letters[0].about.find("canary") == std::string::npos);
    CHECK(letters[0].expires == from_iso8601("2026-05-30T12:26:40.000Z"));
    CHECK(bench.book->value(letters[0].id).find("canary") != std::string::npos);
}

TEST_CASE("the value of a letter is refused without the role that may read it") {
    Bench bench;
    bench.bury(bench.received("9", "549", "wamid.1"));
    const auto id = bench.dead().front().id;
    const auto code_of = [&](Secret text) {
        const auto book = make_letter_book({Secret(bench.test.operator_url()), std::move(text)},
                                           DatabaseConfig{.url = bench.test.app_url()});
        try {
            book->value(id);
        } catch (const Failure& failure) {
            return failure.error().code;
        }
        return std::string("read");
    };
    CHECK(code_of(Secret()) == "config.missing");
    CHECK(code_of(Secret(bench.test.operator_url())) == "operator.refused");
    CHECK(code_of(Secret(bench.test.operator_text_url())) == "read");
}

TEST_CASE("filters choose letters") {
    Bench bench;
    bench.bury(bench.received("9", "549", "a"));
    bench.bury(bench.received("9", "550", "b", "record.malformed"));
    DeadLetter of_ballet = bench.received("9", "551", "c", "model.refused");
    of_ballet.stage = "infer";
    of_ballet.topic = "inferences.requested";
    of_ballet.key = bench.ballet.to_string() + ":x";
    bench.bury(of_ballet);
    const auto count = [&](auto set) {
        LetterFilter filter;
        set(filter);
        return bench.dead(filter).size();
    };
    CHECK(count([](auto&) {}) == 3);
    CHECK(count([](auto& f) { f.code = "record.malformed"; }) == 1);
    CHECK(count([](auto& f) { f.stage = "resolve"; }) == 2);
    CHECK(count([](auto& f) { f.tenant = "ballet"; }) == 1);
    CHECK_THROWS_WITH_AS(count([](auto& f) { f.tenant = "nobody"; }), doctest::Contains("shop.unknown"),
                         Failure);
    CHECK(count([](auto& f) { f.topic = "inferences.requested"; }) == 1);
    CHECK(count([](auto& f) { f.key = "whatsapp/9:550"; }) == 1);
    CHECK(count([](auto& f) { f.unknown_accounts = true; }) == 1);
    CHECK(count([](auto& f) { f.since = from_millis(4'000'000'000'000); }) == 0);
    CHECK(count([](auto& f) { f.status = "dropped"; }) == 0);
}

TEST_CASE("redriven letters of a key leave in the order in which they were written, one after the other") {
    Bench bench;
    for (const auto* event : {"first", "second", "third"}) bench.bury(bench.received("9", "549", event));
    bench.bury(bench.received("9", "550", "other"));
    auto ids = bench.ids();
    const std::vector<std::int64_t> later(ids.begin() + 1, ids.end());
    CHECK(bench.dead()[2].earlier == 2);
    CHECK(bench.book->redrive({}, {ids[0]}, "ana", {}, at(0)).empty());
    CHECK(bench.book->redrive({}, {later.rbegin(), later.rend()}, "ana", {}, at(0)).empty());
    CHECK(bench.dead().empty());

    // Others may go at once; the same key's next one waits until this one is in the log.
    const std::string first = bench.leased();
    CHECK((first == "first other " || first == "other first "));
    CHECK(bench.leased() == "");
    bench.test.query("DELETE FROM timers WHERE headers ->> 'id' = 'first' RETURNING 1");
    CHECK(bench.leased() == "second ");
}

TEST_CASE("a redriven letter keeps its headers, and gets a fresh expiry only where that is asked for") {
    Bench bench;
    bench.bury(bench.received("9", "549", "kept"));
    bench.bury(bench.received("9", "550", "fresh"));
    const auto ids = bench.ids();
    bench.book->redrive({}, {ids[0]}, "ana", {}, at(0));
    bench.book->redrive({}, {ids[1]}, "ana", at(3'600), at(0));
    CHECK(
        bench.test.query(
            "SELECT topic, key, headers ->> 'id', headers ->> 'expires', left(headers ->> 'traceparent', 35) "
            "FROM timers ORDER BY letter") ==
        "messages.received|whatsapp/9:549|kept|1780144000000|00-0af7651916cd43dd8448eb211c80319c\n"
        "messages.received|whatsapp/9:550|fresh|1780003600000|00-0af7651916cd43dd8448eb211c80319c");
    CHECK(bench.test.query("SELECT status, status_by FROM dead_letters ORDER BY id") ==
          "redriven|ana\nredriven|ana");
    // the same call, asked again after its answer was lost
    CHECK(bench.book->redrive({}, {ids[0]}, "ana", {}, at(0)).empty());
    // again: it is not sent twice
    const auto refused = bench.book->redrive({}, {ids[0]}, "ana", {}, at(1));
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].why == "it is redriven already");
    CHECK(bench.test.query("SELECT count(*) FROM timers") == "2");
}

TEST_CASE("a letter whose bytes are no text is refused until it is edited, and its first bytes are kept") {
    Bench bench;
    DeadLetter broken = bench.received("9", "549", "x", "record.malformed");
    broken.value = std::string("\xff\0", 2);
    bench.bury(broken);
    const auto id = bench.ids().front();
    CHECK(bench.dead().front().about == "{}");
    CHECK(bench.book->redrive({}, {id}, "ana", {}, at(0)).size() == 1);
    CHECK(bench.book->edit({}, id, "{\"channel\":\"web\"}", "ana", at(1)));
    CHECK(bench.book->edit({}, id, "{\"channel\":\"whatsapp\"}", "ana", at(2)));
    CHECK(bench.test.query("SELECT encode(original, 'hex'), convert_from(value, 'UTF8') FROM dead_letters") ==
          "ff00|{\"channel\":\"whatsapp\"}");
    CHECK(bench.book->redrive({}, {id}, "ana", {}, at(3)).empty());
    CHECK_FALSE(bench.book->edit({}, id, "{}", "ana", at(4)));
}

TEST_CASE("behind a letter that is refused the later ones of its key stay, and no others") {
    Bench bench;
    DeadLetter broken = bench.received("9", "549", "x", "record.malformed");
    broken.value = "\xff";
    bench.bury(broken);
    bench.bury(bench.received("9", "549", "behind"));
    bench.bury(bench.received("9", "550", "other"));
    const auto ids = bench.ids();
    const auto refused = bench.book->redrive({}, ids, "ana", {}, at(0));
    REQUIRE(refused.size() == 2);
    CHECK(refused[0].id == ids[0]);
    CHECK(refused[1].id == ids[1]);
    CHECK(refused[1].why == "an earlier one of its key stays");
    CHECK(bench.leased() == "other ");
}

TEST_CASE("what only wake could not handle goes to the topic that it was meant for") {
    Bench bench;
    DeadLetter timer = bench.received("9", "549", "x", "kafka.too_large");
    timer.stage = "wake";
    timer.topic = "timers";
    timer.value =
        R"({"topic":"messages.received","key":"whatsapp/9:549","value":"{\"event_id\":\"inner\"}","headers":{"id":"inner"}})";
    bench.bury(timer);
    CHECK(bench.dead().front().about.find("\"wakes\":\"messages.received\"") != std::string::npos);
    // a restored dump computes it again, without a search path
    bench.test.query("SET search_path = ''; UPDATE public.dead_letters SET value = value");
    CHECK(bench.dead().front().about.find("\"wakes\":\"messages.received\"") != std::string::npos);
    bench.book->redrive({}, bench.ids(), "ana", {}, at(0));
    CHECK(bench.test.query("SELECT topic, key, value, headers ->> 'id' FROM timers") ==
          "messages.received|whatsapp/9:549|{\"event_id\":\"inner\"}|inner");
    CHECK(bench.test.query("SET search_path = ''; UPDATE public.timers SET value = value RETURNING about ->> "
                           "'event_id'") == "inner");
}

TEST_CASE(
    "a message that no turn has taken ends with its letter, and the older ones that the letter stands for") {
    Bench bench;
    const auto older = bench.store("1", "hola", at(0));
    const auto named = bench.store("2", "¿hay puntas?", at(1));
    const auto newest = bench.store("3", "de satén", at(2));
    const auto bury = [&](const StoredMessage& message) {
        DeadLetter letter = bench.received("9", "549", "x", "buffer.broken");
        letter.stage = "buffer";
        letter.topic = "messages.resolved";
        letter.key = bench.ballet.to_string() + ":" + message.conversation.to_string();
        letter.value = JsonObject().id("message", message.message).str();
        bench.bury(letter);
        return bench.ids().back();
    };
    const auto first = bury(named);
    const auto second = bury(newest);
    const auto ends = [&] {
        return bench.test.query(
            "SELECT m.seq, t.status, t.reason FROM messages AS m LEFT JOIN turns AS t ON t.id = "
            "m.turn_id ORDER BY m.seq");
    };
    // an older one with a letter of its own waits for that
    CHECK(bench.book->drop(bench.ballet, {second}, "ana", "spam", at(3)) == 1);
    CHECK(ends() == "1|dropped|spam\n2||\n3|dropped|spam");
    CHECK(bench.book->drop(bench.ballet, {first}, "ana", "late", at(4)) == 1);
    CHECK(ends() == "1|dropped|spam\n2|dropped|late\n3|dropped|spam");
    CHECK(bench.claim(older, at(20)) == turn_id(older.conversation, older.message));
}

TEST_CASE("a tenant's letters are changed for that tenant only") {
    Bench bench;
    DeadLetter of_ballet = bench.received("9", "551", "c", "model.refused");
    of_ballet.key = bench.ballet.to_string() + ":x";
    bench.bury(of_ballet);
    const auto ids = bench.ids();
    bench.book->redrive(bench.other, ids, "eve", {}, at(0));
    bench.book->redrive({}, ids, "eve", {}, at(0));
    CHECK(bench.book->drop(bench.other, ids, "eve", "x", at(0)) == 0);
    CHECK_FALSE(bench.book->edit(bench.other, ids[0], "{}", "eve", at(0)));
    CHECK(bench.dead().size() == 1);
    CHECK(bench.book->drop(bench.ballet, ids, "ana", "spam", at(0)) == 1);
    CHECK(bench.book->drop(bench.ballet, ids, "ana", "spam", at(0)) == 1);  // its answer was lost
    CHECK(bench.book->drop(bench.ballet, ids, "eve", "spam", at(0)) == 0);
    CHECK(bench.test.query("SELECT status, status_by, reason FROM dead_letters") == "dropped|ana|spam");
}

TEST_CASE("dropping a turn's letter ends the turn for that reason") {
    Bench bench;
    const TurnId turn = bench.claim(bench.store("1", "hola", at(0)), at(16));
    DeadLetter letter = bench.received("9", "551", "c", "model.refused");
    letter.topic = "inferences.requested";
    letter.key = bench.ballet.to_string() + ":x";
    letter.value = JsonObject().id("turn", turn).str();
    bench.bury(letter);
    bench.book->drop(bench.ballet, bench.ids(), "ana", "spam", at(20));
    CHECK(bench.test.query("SELECT status, reason FROM turns") == "dropped|spam");
}

TEST_CASE("letters of an unknown account are redriven when the account is created") {
    Bench bench;
    bench.bury(bench.received("3003", "549", "first"));
    bench.bury(bench.received("3003", "549", "second"));
    bench.bury(bench.received("4004", "549", "elsewhere"));
    const auto unknown = bench.book->unknown_accounts();
    REQUIRE(unknown.size() == 2);
    CHECK(unknown[0].account == "3003");
    CHECK(unknown[0].letters == 2);
    CHECK(unknown[0].contacts == 1);

    ShopSpec spec = other_spec();
    spec.whatsapp->numbers.push_back({"3003", "+54"});
    run(apply_shop(bench.database, bench.vault, spec, bench.random));
    CHECK(bench.test.query("SELECT about ->> 'event_id', status, status_by FROM dead_letters ORDER BY id") ==
          "first|redriven|account created\nsecond|redriven|account created\nelsewhere|dead|");
    CHECK(bench.leased() == "first ");
    // buried just after: whoever looked for the account did so before it was there
    bench.bury(bench.received("3003", "550", "late"));
    CHECK(bench.test.query("SELECT status FROM dead_letters WHERE about ->> 'event_id' = 'late'") ==
          "redriven");
}

TEST_CASE(
    "of many letters an account's creation redrives the oldest, and applying the shop goes on with the "
    "rest") {
    Bench bench;
    bench.test.query(
        "INSERT INTO dead_letters (stage, topic, partition, record_offset, record_key, value, headers, code, "
        "text, attempts) "
        "SELECT 'resolve', 'messages.received', 0, n, 'whatsapp/3003:549', convert_to(jsonb_build_object("
        "'channel', 'whatsapp', 'account', CASE WHEN n % 2 = 0 THEN '3003' ELSE '4004' END, 'event_id', "
        "n)::text, 'UTF8'), "
        "'{}', 'resolve.unknown_account', '', 1 FROM generate_series(2400, 1, -1) AS n RETURNING 1");
    ShopSpec spec = other_spec();
    spec.whatsapp->numbers.push_back({"3003", "+54"});
    const TenantId shop = run(apply_shop(bench.database, bench.vault, spec, bench.random)).tenant;
    const std::string state =
        "SELECT status, count(*), max(record_offset) FROM dead_letters "
        "WHERE wants = 'whatsapp/3003' GROUP BY 1 ORDER BY 1";
    CHECK(bench.test.query(state) == "dead|200|2400\nredriven|1000|2000");
    CHECK(run(redrive_waiting(bench.database, shop)) == 200);
    CHECK(run(redrive_waiting(bench.database, shop)) == 0);
    CHECK(bench.test.query("SELECT status, count(*) FROM dead_letters GROUP BY 1 ORDER BY 1") ==
          "dead|1200\nredriven|1200");
    // each behind the one before it
    CHECK(bench.test.query("SELECT count(*), count(DISTINCT after) FROM timers") == "1200|1199");
}

TEST_CASE("what stands before a letter of its key is found without reading the key's other timers") {
    Bench bench;
    CHECK(bench.test
              .query("SET enable_seqscan = off; SET ROLE relevo_app; EXPLAIN SELECT t.id FROM timers AS t "
                     "WHERE t.tenant_id IS NOT DISTINCT FROM 1 AND t.line = 'x' ORDER BY t.life DESC LIMIT 1")
              .find("Index Scan Backward using timers_in_line") != std::string::npos);
}
