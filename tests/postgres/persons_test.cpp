#include "postgres/persons.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "postgres/erasure_keys.hpp"
#include "postgres/operator_books.hpp"
#include "postgres/person_export.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

void ignored(const ErasureNote&) {}

constexpr auto ana = "5491150000001";
constexpr auto eva = "5491150000002";

// The clock of the database, where contacts are met: erasures of tests come after that.
SysTime later() {
    return SystemClock().now() + Millis{1'000};
}

struct Erasing : Fixture {
    PersonName name(const std::string& person = ana) { return {{}, "whatsapp", person}; }
    Secret key() { return run(ensure_erasure_key(database, vault, ballet, random)); }
    std::string drawn() { return format_uuid(hash_uuid("erasure", {random.hex(8)})); }

    KnownPerson known(const std::string& person = ana) {
        const auto contacts = run(find_contacts(database, ballet, name(person)));
        REQUIRE(contacts.size() <= 1);
        return run(
            read_person(database, ballet, name(person), contacts.empty() ? "" : contacts.front(), true));
    }
    Erased erase(const std::string& person = ana, SysTime when = later()) {
        const KnownPerson who = known(person);
        const Secret marks = key();
        ErasureNote note{ballet, drawn(), when, "tester", {}};
        note = run(begin_erasure(database, note, who.aliases, marks));
        return run(erase_person(database, note, who, marks, ignored, [](double) {}));
    }
    // Every row of every table of people, but for those of the named person.
    std::string rows_but(const std::string& person) const {
        std::string all;
        for (const auto* table :
             {"contacts", "aliases", "conversations", "messages", "turns", "steps", "tool_calls", "answers",
              "replies", "deliveries", "timers", "dead_letters", "archive"}) {
            all +=
                test.query(fmt::format("SELECT '{0}', x::text FROM {0} AS x WHERE strpos(x::text, '{1}') = 0 "
                                       "ORDER BY x::text",
                                       table, person)) +
                "\n";
        }
        return all;
    }
    std::int64_t rows() const {
        return std::stoll(test.query(
            "SELECT (SELECT count(*) FROM contacts) + (SELECT count(*) FROM aliases)"
            " + (SELECT count(*) FROM conversations) + (SELECT count(*) FROM messages)"
            " + (SELECT count(*) FROM turns) + (SELECT count(*) FROM steps) + (SELECT count(*) FROM answers)"
            " + (SELECT count(*) FROM replies) + (SELECT count(*) FROM deliveries)"
            " + (SELECT count(*) FROM timers) + (SELECT count(*) FROM dead_letters)"
            " + (SELECT count(*) FROM archive)"));
    }
    // Everything that the database holds, as text: what a dump would show.
    std::string everything() const {
        std::string all;
        for (const auto& table :
             split(test.query("SELECT c.oid::regclass FROM pg_class AS c WHERE c.relkind = 'r' "
                              "AND c.relnamespace = 'public'::regnamespace"))) {
            all += test.query("SELECT x::text FROM " + table + " AS x") + "\n";
        }
        return all;
    }
    static std::vector<std::string> split(const std::string& lines) {
        std::vector<std::string> out;
        std::istringstream in(lines);
        for (std::string line; std::getline(in, line);) out.push_back(line);
        return out;
    }
    DeadLetter letter(const std::string& key, const std::string& value, std::int64_t offset) {
        DeadLetter letter;
        letter.topic = "messages.received";
        letter.stage = "resolve";
        letter.key = key;
        letter.value = value;
        letter.headers = "{}";
        letter.code = "record.malformed";
        letter.offset = {offset};
        return letter;
    }
};

}  // namespace

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

    const Erased erased = it.erase();
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

TEST_CASE("a part that nobody understood and that is older than an erasure is kept without its content") {
    Erasing it;
    it.store("1", "hola", at(0));
    const SysTime when = later();
    it.erase(ana, when);
    Inbound strange = inbound("strange", "");
    strange.raw = R"({"from":"5491150000001"})";
    run(it.resolve->archive(it.account(), strange, when - Millis{1}));
    CHECK(it.test.query("SELECT event_id, raw FROM archive") == "strange|");
    strange.event_id = "new";
    run(it.resolve->archive(it.account(), strange, when + Millis{1}));
    CHECK(it.test.query("SELECT raw <> '' FROM archive WHERE event_id = 'new'") == "t");
    it.erase(ana, when + Millis{10'000});
    run(it.resolve->archive(it.account(), strange, when + Millis{20'000}));
    CHECK(it.test.query("SELECT count(*) FROM archive WHERE event_id = 'new'") == "0");
}

TEST_CASE("a part that nobody understood goes with its person where it is a dead letter or waits") {
    Erasing it;
    it.store("1", "hola", at(0));
    const auto letters = make_dead_letters(it.database);
    const auto timers = make_timers(it.database);
    const auto part = [](const std::string& account, const std::string& person) {
        return fmt::format(
            R"({{"kind":"archived","channel":"whatsapp","account":"{}","event_id":"e","raw":"{{\"from\":\"{}\"}}"}})",
            account, person);
    };
    run(letters->bury({it.letter("whatsapp/1001:e1", part("1001", ana), 1),
                       it.letter("whatsapp/1001:e2", part("1001", eva), 2),
                       it.letter("whatsapp/1001:e3", part("1001", std::string(ana) + "7"), 3),
                       it.letter("whatsapp/2002:e4", part("2002", ana), 4)}));  // another shop's
    run(timers->park({at(90), {"messages.received", "whatsapp/1001:e5", part("1001", ana), {}}}));
    CHECK(it.known().rows.at("dead_letters") == 1);
    const Erased erased = it.erase();
    CHECK(erased.rows.at("dead_letters") == 1);
    CHECK(erased.rows.at("timers") == 1);
    CHECK(it.test.query("SELECT convert_from(record_key, 'UTF8') FROM dead_letters ORDER BY 1") ==
          "whatsapp/1001:e2\nwhatsapp/1001:e3\nwhatsapp/2002:e4");
}

TEST_CASE("a person who wrote to a number that changed shops is erased by each of them for itself") {
    Erasing it;
    const Account first = it.account();
    const Account second = it.account("whatsapp", "2002");
    const auto held = [&](TenantId tenant, const std::string& since, const std::string& until) {
        it.test.query(
            fmt::format("UPDATE accounts SET held = tstzmultirange(tstzrange({}, {})) "
                        "WHERE external_id = '1001' AND tenant_id = {}",
                        since, until, tenant.value));
    };
    const auto moment = [](SysTime when) { return fmt::format("from_millis({})", to_millis(when)); };
    it.test.query("UPDATE accounts SET retired_at = now() WHERE external_id = '1001'");
    it.test.query(fmt::format(
        "INSERT INTO accounts (tenant_id, id, channel, external_id, endpoint_id, agent_id) "
        "SELECT x.tenant_id, '{}', 'whatsapp', '1001', x.endpoint_id, x.agent_id FROM accounts AS x "
        "WHERE x.external_id = '2002'",
        first.id.to_string()));
    held(it.ballet, "NULL", moment(at(100)));
    held(it.other, moment(at(200)), "NULL");
    std::int64_t offset = 0;
    const auto bury = [&](const std::string& event, EndpointId scope, SysTime came_in,
                          const std::string& rest) {
        DeadLetter letter =
            it.letter(std::string("whatsapp/1001:") + ana,
                      fmt::format(R"({{"channel":"whatsapp","account":"1001","scope":{},"event_id":"{}"{}}})",
                                  scope.value, event, rest),
                      ++offset);
        letter.headers = fmt::format(R"({{"ce_id":"{}","ce_time":"{}"}})", event, to_iso8601(came_in));
        run(make_dead_letters(it.database)->bury({letter}));
    };
    bury("old", first.endpoint, at(50), "");
    bury("old that came late", first.endpoint, at(300),
         fmt::format(R"(,"sent_at_ms":{})", to_millis(at(50))));
    bury("new", second.endpoint, at(300), "");
    const auto rows = [&](TenantId tenant) {
        return run(read_person(it.database, tenant, it.name(), "", true)).rows.at("dead_letters");
    };
    CHECK(rows(it.ballet) == 2);
    CHECK(rows(it.other) == 1);
    CHECK(it.erase().rows.at("dead_letters") == 2);
    CHECK(it.test.query("SELECT about ->> 'event_id' FROM dead_letters") == "new");
    // in the books of the one shop only
    CHECK(it.test.query("SELECT tenant_id, sum(count) FROM erased_messages GROUP BY 1") ==
          it.ballet.to_string() + "|2");
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

TEST_CASE("what is written while an erasure goes on goes with the rest, and the erasure says until when") {
    Erasing it;
    it.store("1", "hola", at(0));
    const Secret key = it.key();
    const KnownPerson who = it.known();
    ErasureNote note{it.ballet, it.drawn(), at(10), "tester", {}};
    note = run(begin_erasure(it.database, note, who.aliases, key));
    CHECK_FALSE(it.store("2", "meanwhile", at(20)).erased);
    std::vector<SysTime> noted;
    const auto keep = [&](const ErasureNote& told) { noted.push_back(told.erased_at); };
    const Erased erased = run(erase_person(it.database, note, who, key, keep, [](double) {}));
    CHECK(erased.erased_at == at(20));
    CHECK(noted.back() == at(20));
    CHECK(it.store("3", "as old as that", at(20)).erased);
    CHECK_FALSE(it.store("4", "soy nueva", at(21)).erased);
}

TEST_CASE("a call that is open when its person is erased is counted when it ends, as nobody's") {
    Erasing it;
    const auto message = it.store("1", "hola", at(0));
    const TurnId turn = it.claim(message, at(1));
    const auto granted =
        run(it.infer->reserve_call(it.ballet, turn, 0, {"openai", "", "m", false, 10, 10}, at(2)));
    CHECK(granted.state == CallReservation::State::granted);
    it.erase();
    run(it.infer->settle_call(it.ballet, turn, 0, "model.timeout", {7, 3, false}, at(3), granted.attempt));
    CHECK(it.test.query(fmt::format("SELECT status, input_tokens, turn_id <> '{}', conversation_id <> '{}' "
                                    "FROM model_calls",
                                    turn.to_string(), message.conversation.to_string())) == "settled|7|t|t");
}

TEST_CASE(
    "an answer under way writes nothing more of the erased, at whichever step it is, and others are "
    "answered") {
    for (int step = 0; step <= 5; ++step) {
        CAPTURE(step);
        Erasing it;
        const auto message = it.store("1", "hola", at(0));
        const auto other = it.store("2", "hola", at(0), eva);
        const auto erase_at = [&](int now) {
            if (now == step) it.erase();
        };
        erase_at(0);
        const auto claimed =
            run(it.buffer->claim_turn(it.ballet, message.conversation, {message.message}, at(1), 100));
        CHECK((claimed.state == TurnClaim::State::claimed) == (step > 0));
        if (step == 0) {
            CHECK(it.test.query("SELECT count(*) FROM turns") == "0");
        } else {
            const TurnId turn = claimed.turn;
            erase_at(1);
            const auto text = run(it.retrieve->turn_text(it.ballet, turn));
            CHECK((text.state == TurnText::State::erased) == (step == 1));
            run(it.retrieve->freeze_step(it.ballet, turn, {}, at(2)));
            erase_at(2);
            CHECK((run(it.infer->load(it.ballet, turn, 0)).state == Inference::State::erased) == (step <= 2));
            Completion completion;
            completion.text = "buenas";
            const auto replies =
                run(it.infer->commit_answer(it.ballet, turn, 0, completion, {"buenas"}, at(3)));
            CHECK(replies.size() == (step <= 2 ? 0 : 1));
            CHECK(run(it.infer->fail_turn(it.ballet, turn, "model.refused", at(3))).size() == replies.size());
            if (!replies.empty()) {
                erase_at(3);
                auto claim = it.ask(replies.front(), at(4));
                CHECK((claim.state == ReplyClaim::State::send) == (step > 3));
                if (step == 3) CHECK(claim.reason == "erased");
                erase_at(4);
                if (claim.permit) it.accept(claim, "out.1", at(4));
                erase_at(5);
                Receipt receipt;
                receipt.provider_id = "out.1";
                receipt.status = ReceiptStatus::read;
                CHECK(run(it.settle->settle(it.account(), receipt, at(5))).state == Settled::State::not_ours);
            }
        }
        CHECK(it.test.query("SELECT count(*) FROM messages") == "1");
        for (const auto* table : {"turns", "steps", "answers", "replies", "deliveries"}) {
            CAPTURE(table);
            CHECK(it.test.query(fmt::format("SELECT count(*) FROM {}", table)) == "0");
        }
        const auto bubbles = it.answer(it.claim(other, at(10)), {"buenas"}, at(11));
        CHECK(it.ask(bubbles.front(), at(12)).state == ReplyClaim::State::send);
    }
}

TEST_CASE(
    "messages that arrive while their person is erased are gone or somebody new's, and nobody else's is "
    "lost") {
    Erasing it;
    for (int round = 0; round < 8; ++round) {
        const std::string person = fmt::format("54911600000{:02}", round);
        if (round % 2 == 0) it.store(fmt::format("first.{}", round), "hola", at(0), person);
        const KnownPerson who = it.known(person);
        const Secret key = it.key();
        const SysTime when = later();
        std::vector<Task<StoredMessage>> arriving;
        for (int i = 0; i < 40; ++i) {
            const bool hers = i % 2 == 0;
            const std::string sender = hers ? person : fmt::format("549117{:02}{:02}", round, i);
            arriving.push_back(it.resolve->store_message(
                it.account(), inbound(fmt::format("{}.{}", round, i), "CANARY", sender), when - Millis{10},
                ""));
        }
        boost::asio::io_context io;
        std::vector<std::future<StoredMessage>> stored;
        for (auto& task : arriving) {
            stored.push_back(boost::asio::co_spawn(io, std::move(task), boost::asio::use_future));
        }
        auto erasing = boost::asio::co_spawn(
            io,
            [&]() -> Task<void> {
                ErasureNote note{it.ballet, it.drawn(), when, "tester", {}};
                note = co_await begin_erasure(it.database, note, who.aliases, key);
                co_await erase_person(it.database, note, who, key, ignored, [](double) {});
            },
            boost::asio::use_future);
        io.run();
        erasing.get();
        for (auto& message : stored) message.get();
        CAPTURE(round);
        CHECK(it.test.query(fmt::format("SELECT count(*) FROM aliases WHERE value = '{}'", person)) == "0");
        CHECK(it.test.query(fmt::format("SELECT count(*) FROM messages WHERE event_id LIKE '{}.%'", round)) ==
              "20");
    }
    CHECK(it.test.query("SELECT count(*) FROM dead_letters") == "0");
    // every message of hers is in the books, once
    CHECK(it.test.query("SELECT ended, reason, sum(count) FROM erased_messages GROUP BY 1, 2") ==
          "dropped|erased|164");
}

TEST_CASE("an erasure that was cut off goes on under its own id") {
    Erasing it;
    it.store("1", "hola", at(0));
    const Secret key = it.key();
    const auto begin = [&](SysTime when) {
        return run(
            begin_erasure(it.database, {it.ballet, it.drawn(), when, "tester", {}}, it.known().aliases, key));
    };
    const SysTime when = later();
    const auto first = begin(when);
    CHECK(it.store("2", "meanwhile", when).erased);
    const auto second = begin(when + Millis{500});
    CHECK(second.erasure == first.erasure);
    CHECK(second.erased_at == when + Millis{500});
    const auto open = run(open_erasures(it.database, it.ballet));
    REQUIRE(open.size() == 1);
    CHECK(run(finish_erasures(it.database, it.ballet, open, key, ignored)) == 1);
    CHECK(it.rows() == 0);
    CHECK(run(open_erasures(it.database, it.ballet)).empty());
    CHECK(it.test.query("SELECT count(*) FROM erasures WHERE done_at IS NULL") == "0");
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

TEST_CASE("the key of the marks is drawn once, and nobody takes it away") {
    Erasing it;
    const Secret key = it.key();
    CHECK(it.key().reveal() == key.reveal());
    CHECK_FALSE(run(restore_erasure_key(it.database, it.vault, it.ballet, Secret("another"))));
    CHECK_FALSE(run(it.vault.remove(it.ballet, "relevo", "ERASURE_KEY")));
    CHECK_THROWS_AS(run(it.vault.put(it.ballet, {{"relevo", "ERASURE_KEY", Secret("x")}})), Failure);
    CHECK(run(it.vault.rekey(it.ballet)) > 0);
    CHECK(it.key().reveal() == key.reveal());
    CHECK(it.test.query("SELECT count(*) FROM credentials WHERE position(convert_to('" + key.reveal() +
                        "', 'UTF8') IN sealed) > 0") == "0");
}

TEST_CASE("who is erased before they ever wrote is refused what they had written") {
    Erasing it;
    const SysTime when = later();
    const Erased erased = it.erase("+54 9 11 5000-0001", when);
    CHECK(erased.rows.at("messages") == 0);
    CHECK(it.store("1", "hola", when).erased);
    CHECK_FALSE(it.store("2", "hola", when + Millis{1}).erased);
}

TEST_CASE("an export has every row of the person and nobody else's") {
    Erasing it;
    const auto letters = make_dead_letters(it.database);
    for (const auto* person : {ana, eva}) {
        const std::string who(person);
        Inbound photo = inbound("wamid." + who, "dice " + who, who);
        photo.type = "image";
        photo.metadata = R"({"image":{"id":"media of )" + who + "\"}}";
        const auto message = run(it.resolve->store_message(it.account(), photo, at(0), ""));
        it.answer(it.claim(message, at(1)), {"a " + who}, at(2));
        run(letters->bury(
            {it.letter("whatsapp/1001:" + who, "letter of " + who + " ñ", person == ana ? 1 : 2)}));
    }
    std::string document;
    export_person(Secret(it.test.operator_text_url()), it.ballet, "ballet", it.known().contact,
                  [&](std::string_view text) { document += text; });
    for (const auto* part : {"dice 5491150000001", "a 5491150000001", "letter of 5491150000001 ñ",
                             R"("file":{"id":"media of 5491150000001"})", "\"name\":\"Ana\""}) {
        CAPTURE(part);
        CHECK(document.find(part) != std::string::npos);
    }
    CHECK(document.find(eva) == std::string::npos);
    CHECK(it.test.query("SELECT jsonb_typeof('" + document + "'::jsonb)") == "object");
    std::string nothing;
    CHECK_THROWS_AS(export_person(Secret(it.test.operator_url()), it.ballet, "ballet", it.known().contact,
                                  [&](std::string_view text) { nothing += text; }),
                    Failure);
}
