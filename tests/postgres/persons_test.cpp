#include "postgres/persons.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "postgres/erasure_keys.hpp"
#include "postgres/operator_books.hpp"
#include "tests/postgres/erasing.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE(
    "every table with a tenant's rows and room for words says whose they are, in an order that can go") {
    TestDatabase test;
    CHECK(test.query(
              "SELECT c.relname FROM pg_class AS c "
              "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition "
              "AND c.relnamespace = 'public'::regnamespace "
              "AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND NOT a.attisdropped "
              " AND (a.attname = 'tenant_id' OR c.relname = 'tenants')) "
              "AND EXISTS (SELECT FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid "
              " WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
              " AND t.typcategory NOT IN ('B', 'D', 'N') AND t.typname <> 'uuid') "
              "AND NOT EXISTS (SELECT FROM personal_tables AS p WHERE p.name = c.relname) ORDER BY 1") == "");
    CHECK(test.query("SELECT p.name FROM personal_tables AS p WHERE to_regclass(p.name::text) IS NULL") ==
          "");
    // what refers to a row goes before it
    CHECK(test.query("SELECT c.conname FROM pg_constraint AS c "
                     "JOIN personal_tables AS p ON p.name::text::regclass = c.conrelid "
                     "JOIN personal_tables AS q ON q.name::text::regclass = c.confrelid "
                     "WHERE c.contype = 'f' AND q.place IS NOT NULL AND p.name <> 'archive' "
                     "AND (p.place IS NULL OR p.place >= q.place)") == "");
}

TEST_CASE("an erased person is in no row, and the other one's rows are as they were") {
    Erasing it;
    const auto letters = make_dead_letters(it.database);
    const auto timers = make_timers(it.database);
    for (const auto* person : {eva, ana}) {
        const std::string who(person);
        const auto message = it.store("wamid." + who, "CANARY of " + who, at(0), who);
        const auto turn = it.claim(message, at(1));
        const auto replies = it.answer(turn, {"to " + who, "more to " + who}, at(2));
        it.accept(it.ask(replies.front(), at(3)), "out." + who, at(3));
        it.store("wamid.open." + who, "still open " + who, at(4), who);
        std::int64_t offset = person == ana ? 1 : 11;
        run(letters->bury({it.letter(
            "whatsapp/1001:" + who,
            R"({"channel":"whatsapp","account":"1001","event_id":"dead.)" + who + "\"}", ++offset)}));
        run(letters->bury({it.letter(it.ballet.to_string() + ":" + message.conversation.to_string(),
                                     "of " + who, ++offset)}));
        run(letters->bury({it.letter("whatsapp/1001:out." + who, "receipt of " + who, ++offset)}));
        run(timers->park({at(90), {"messages.received", "whatsapp/1001:" + who, "parked " + who, {}}}));
        Inbound strange = inbound("strange." + who, "", who);
        strange.raw = R"({"from":")" + who + "\"}";
        run(it.resolve->archive(it.account(), strange, at(5)));
    }
    // the same person's number in another shop is another shop's
    run(it.resolve->store_message(it.account("whatsapp", "2002"), inbound("elsewhere", "hola", ana), at(0),
                                  ""));
    const std::string others = it.rows_but(ana);
    const auto contact = it.known().contact;
    const auto hers = it.known(eva).rows;

    const Erased erased = it.erase();
    CHECK(it.known(eva).rows == hers);
    CHECK(erased.rows.at("messages") == 3);  // two of hers, one bubble that was sent
    CHECK(erased.rows.at("dead_letters") == 3);
    CHECK(erased.rows.at("timers") == 1);
    CHECK(erased.rows.at("archive") == 1);
    CHECK(it.known().contact.empty());
    CHECK(it.test.query(fmt::format("SELECT count(*) FROM contacts WHERE id = '{}'", contact)) == "0");
    CHECK(it.test.query(fmt::format("SELECT count(*) FROM aliases WHERE value = '{}' AND tenant_id = {}", ana,
                                    it.ballet.value)) == "0");
    it.test.query("DELETE FROM messages WHERE event_id = 'elsewhere'");
    it.test.query(fmt::format("DELETE FROM conversations WHERE tenant_id = {}", it.other.value));
    it.test.query(fmt::format("DELETE FROM aliases WHERE tenant_id = {}", it.other.value));
    const std::string all = it.everything();
    for (const std::string& left : {std::string("CANARY of ") + ana, std::string(ana), contact}) {
        CAPTURE(left);
        CHECK(all.find(left) == std::string::npos);
    }
    CHECK(all.find(std::string("CANARY of ") + eva) != std::string::npos);
    it.test.query(fmt::format("DELETE FROM contacts WHERE tenant_id = {}", it.other.value));
    const auto before = Erasing::split(others);
    const auto after = Erasing::split(it.rows_but(ana));
    for (const auto& row : after) CHECK(std::ranges::find(before, row) != before.end());
    CHECK(it.test.query("SELECT count(*) FROM messages") == "3");
}

TEST_CASE("the books count an erased message by its end, without its words") {
    Erasing it;
    const auto first = it.store("1", "hola", at(0));
    it.accept(it.ask(it.answer(it.claim(first, at(1)), {"buenas"}, at(2)).front(), at(3)), "out.1", at(3));
    it.store("2", "y?", at(4));
    it.erase();
    CHECK(it.test.query("SELECT ended, reason, count FROM erased_messages ORDER BY 1") ==
          "answered||1\ndropped|erased|1");
    const auto book = make_audit_book({Secret(it.test.operator_url()), {}});
    AuditRequest request;
    request.now = at(600);
    request.bound = Millis{60'000};
    const Audit audit = book->audit(request, [](double, const Audit&) {});
    CHECK(audit.counts.at("answered").at("") == 1);
    CHECK(audit.counts.at("dropped").at("erased") == 1);
    CHECK(audit.counts.size() == 2);
    request.since = at(7'200);
    CHECK(book->audit(request, [](double, const Audit&) {}).counts.empty());
}

TEST_CASE(
    "what an erased person wrote before does not come back, and what they write from then on is somebody "
    "new's") {
    Erasing it;
    const auto old = it.store("1", "hola", at(0));
    const SysTime when = later();
    it.erase(ana, when);
    // the webhook again, one that was in the log, and one that the provider is late with
    CHECK(it.store("1", "hola", at(0)).erased);
    CHECK(it.store("1", "hola", when + Millis{5'000}).erased);
    CHECK(it.store("2", "late", when - Millis{1}).erased);
    Inbound late = inbound("3", "very late");
    late.sent_at = when - Millis{1'000};
    CHECK(run(it.resolve->store_message(it.account(), late, when + Millis{3'600'000}, "")).erased);
    Inbound echo = inbound("4", "the owner said", ana, InboundKind::echo);
    echo.sent_at = when - Millis{1'000};
    CHECK(run(it.resolve->store_echo(it.account(), echo, when + Millis{1}, "")).erased);
    CHECK(it.rows() == 0);
    // once each, however often they come
    CHECK(it.test.query("SELECT reason, sum(count) FROM erased_messages GROUP BY 1") == "erased|3");

    const auto fresh = it.store("5", "soy nueva", when + Millis{1'000});
    CHECK_FALSE(fresh.erased);
    CHECK(fresh.seq == 1);
    CHECK(fresh.conversation != old.conversation);
    CHECK(it.store("6", "otra", when + Millis{2'000}).conversation == fresh.conversation);
    // others are stored as ever
    CHECK_FALSE(it.store("7", "hola", at(0), eva).erased);
}

TEST_CASE("a worker that knows of no marks is told to wait once somebody is erased") {
    Erasing it;
    it.store("1", "hola", at(0));
    it.erase();
    for (const auto* op : {"store_message", "store_echo", "archive"}) {
        CAPTURE(op);
        try {
            run(it.database.call(op, it.ballet, "{}"));
            FAIL("it was stored");
        } catch (const Failure& failure) {
            CHECK(failure.error().fault == Fault::transient);
        }
    }
}

TEST_CASE("a restored database learns of an erasure by its marks, and leaves alone who is new since then") {
    Erasing it;
    it.store("1", "hola", at(0));
    it.store("2", "hola", at(0), eva);
    const Secret key = it.key();
    const ErasureNote known{
        it.ballet, it.drawn(), later(), "log", {name_mark(key, ana), name_mark(key, "999")}};
    CHECK(run(unknown_erasures(it.database, it.ballet, {known})) == std::vector<std::string>{known.erasure});
    run(note_erasure(it.database, known));
    CHECK(run(unknown_erasures(it.database, it.ballet, {known})).empty());
    run(finish_erasures(it.database, it.ballet, run(open_erasures(it.database, it.ballet)), key, ignored));
    CHECK(it.known().contact.empty());
    CHECK_FALSE(it.known(eva).contact.empty());
    // an old erasure of somebody who came back after it
    const ErasureNote old{it.ballet, it.drawn(), at(-1'000'000'000), "log", {name_mark(key, eva)}};
    run(note_erasure(it.database, old));
    run(finish_erasures(it.database, it.ballet, run(open_erasures(it.database, it.ballet)), key, ignored));
    CHECK_FALSE(it.known(eva).contact.empty());
}

TEST_CASE("who is erased before they ever wrote is refused what they had written") {
    Erasing it;
    const SysTime when = later();
    const Erased erased = it.erase("+54 9 11 5000-0001", when);
    CHECK(erased.rows.at("messages") == 0);
    CHECK(it.store("1", "hola", when).erased);
    CHECK_FALSE(it.store("2", "hola", when + Millis{1}).erased);
}
