#include "postgres/retention.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "postgres/request_stores.hpp"
#include "postgres/shops.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

constexpr std::int64_t day = 86'400;

// Nobody waits in it.
struct FixedClock final : Clock {
    explicit FixedClock(SysTime moment) : moment_(moment) {}
    SysTime now() const override { return moment_; }
    Task<void> sleep_until(SysTime) override {
        ++pauses;
        co_return;
    }
    int pauses = 0;

  private:
    SysTime moment_;
};

struct Keeping : Fixture {
    Keeping() {
        ShopSpec spec = ballet_spec();
        spec.keep_days = 30;
        run(apply_shop(database, vault, spec, random));
    }
    Forgotten forget(SysTime now, TenantId tenant) {
        FixedClock clock(now);
        return run(forget_old(database, clock, tenant, Millis{1}));
    }
    Forgotten forget(SysTime now) { return forget(now, ballet); }
    void answered(const std::string& event, SysTime when, const std::string& person) {
        const auto replies = answer(claim(store(event, "dice", when, person), when), {"digo"}, when);
        accept(ask(replies.front(), when), "out." + event, when);
    }
    std::string count(const std::string& table) const { return test.query("SELECT count(*) FROM " + table); }
};

}  // namespace

TEST_CASE("a first answer that was sent stays the first when it is forgotten, one that nobody got does not") {
    for (const bool sent : {true, false}) {
        CAPTURE(sent);
        Keeping it;
        const auto replies = it.answer(it.claim(it.store("1", "hola", at(0)), at(16)), {"digo"}, at(17));
        if (sent) it.accept(it.ask(replies[0], at(18)), "p1", at(18));
        run(it.relay->expire(it.ballet, replies[0], at(19)));
        const TurnId next = it.claim(it.store("2", "¿y?", at(20 * day)), at(20 * day + 16));
        it.forget(at(31 * day));
        CHECK(it.count("turns") == "1");
        CHECK(run(it.infer->load(it.ballet, next, 0)).is_first_answer != sent);
    }
}

TEST_CASE("an answer that was sent before answers were noted is the first one when it is forgotten") {
    for (const bool sent : {true, false}) {
        CAPTURE(sent);
        Keeping it;
        const auto replies = it.answer(it.claim(it.store("1", "hola", at(0)), at(16)), {"digo"}, at(17));
        if (sent) it.accept(it.ask(replies[0], at(18)), "p1", at(18));
        run(it.relay->expire(it.ballet, replies[0], at(19)));
        it.test.query("UPDATE conversations SET first_answer = NULL");
        const TurnId next = it.claim(it.store("2", "¿y?", at(20 * day)), at(20 * day + 16));
        it.forget(at(31 * day));
        CHECK(it.count("replies") == "0");
        CHECK(run(it.infer->load(it.ballet, next, 0)).is_first_answer != sent);
    }
}

TEST_CASE("what is older than its shop keeps it goes, with its conversation where nothing is left") {
    Keeping it;
    it.test.query("UPDATE contacts SET created_at = '2000-01-01'");
    it.answered("old.1", at(0), "1111");
    it.answered("old.2", at(1), "2222");
    it.answered("new.2", at(20 * day), "2222");
    it.store("open.3", "nobody answered", at(0), "3333");
    it.test.query("UPDATE contacts SET created_at = '2000-01-01'");
    it.test.query("UPDATE conversations SET created_at = '2000-01-01'");
    CHECK(it.forget(at(29 * day)).messages == 0);
    CHECK(it.forget(at(31 * day)).messages == 5);
    CHECK(it.test.query("SELECT event_id FROM messages WHERE direction = 'in' ORDER BY 1") == "new.2");
    CHECK(it.test.query("SELECT value FROM aliases ORDER BY 1") == "2222");
    for (const auto* table : {"turns", "steps", "answers", "replies", "deliveries"}) {
        CAPTURE(table);
        CHECK(it.count(table) == "1");
    }
    CHECK(it.test.query("SELECT ended, reason, sum(count) FROM erased_messages GROUP BY 1, 2 ORDER BY 1") ==
          "answered||2\ndropped|forgotten|1");
    CHECK(it.forget(at(31 * day)).messages == 0);
    CHECK(it.forget(at(60 * day)).messages == 2);
    CHECK(it.count("aliases") == "0");
}

TEST_CASE("a sweep goes by what the API last stated") {
    Keeping it;
    const auto book = make_request_book(it.database, it.masters, "the installation");
    const auto keep = [&](std::optional<int> days) {
        TenantChange change;
        change.keep_days.emplace(days);
        const auto stores = book->begin(std::nullopt);
        run(stores->tenants().change(it.ballet, change, {"user", "ana", "Ana", "trace", Permissions::all()}));
    };
    it.answered("old.1", at(0), "1111");
    keep(std::nullopt);
    CHECK(it.forget(at(1'000 * day)).messages == 0);
    keep(90);
    CHECK(it.forget(at(89 * day)).messages == 0);
    CHECK(it.forget(at(91 * day)).messages == 2);
}

TEST_CASE("a call of a conversation that is forgotten stays counted, and nobody can tell whose it was") {
    Keeping it;
    const auto message = it.store("1", "hola", at(0), "1111");
    const TurnId turn = it.claim(message, at(0));
    run(it.infer->reserve_call(it.ballet, turn, 0, {"openai", "", "m", false, 10, 10}, at(0)));
    it.test.query(
        "UPDATE contacts SET created_at = '2000-01-01';"
        "UPDATE conversations SET created_at = '2000-01-01', updated_at = '2000-01-01'");
    it.forget(at(31 * day));
    CHECK(it.count("conversations") == "0");
    CHECK(it.test.query(fmt::format("SELECT turn_id <> '{}', conversation_id <> '{}' FROM model_calls",
                                    turn.to_string(), message.conversation.to_string())) == "t|t");
}

TEST_CASE("what a process that died had reserved is given back, though the shop asks no model any more") {
    Keeping it;
    const TurnId turn = it.claim(it.store("1", "hola", at(0)), at(0));
    run(it.infer->reserve_call(it.ballet, turn, 0, {"openai", "", "m", false, 10, 10}, at(0)));
    run(release_calls(it.database, at(1), it.ballet));
    CHECK(it.test.query("SELECT status FROM model_calls") == "open");
    run(release_calls(it.database, at(3'600), it.other));
    CHECK(it.test.query("SELECT status FROM model_calls") == "open");
    run(release_calls(it.database, at(3'600), it.ballet));
    CHECK(it.test.query("SELECT status FROM model_calls") == "released");
}

TEST_CASE("a shop that states nothing keeps everything") {
    Keeping it;
    run(it.resolve->store_message(it.account("whatsapp", "2002"), inbound("1", "hola"), at(0), ""));
    CHECK(it.forget(at(4'000 * day), it.other).messages == 0);
    CHECK(it.count("messages") == "1");
}

TEST_CASE("archived parts and dead letters go too, and the books still have the messages") {
    Keeping it;
    Inbound strange = inbound("strange", "");
    strange.raw = "{}";
    run(it.resolve->archive(it.account(), strange, at(0)));
    const auto letters = make_dead_letters(it.database);
    std::int64_t offset = 0;
    for (const std::string& account : {"1001", "2002", "nobody"}) {
        DeadLetter letter;
        letter.topic = "messages.received";
        letter.stage = "resolve";
        letter.key = "whatsapp/" + account + ":5";
        letter.value = fmt::format(R"({{"channel":"whatsapp","account":"{}","event_id":"e"}})", account);
        letter.headers = fmt::format(R"({{"ce_id":"{}"}})", account);
        letter.code = "record.malformed";
        letter.offset = {++offset};
        run(letters->bury({letter}));
    }
    DeadLetter own;
    own.topic = "turns.ready";
    own.stage = "retrieve";
    own.key = it.ballet.to_string() + ":x";
    own.headers = "{}";
    own.code = "x";
    run(letters->bury({own}));
    it.test.query(fmt::format("UPDATE dead_letters SET at = to_timestamp({})", to_millis(at(0)) / 1'000));
    const Forgotten gone = it.forget(at(31 * day));
    CHECK(gone.archived == 1);
    CHECK(gone.letters == 2);
    CHECK(it.test.query("SELECT about ->> 'account' FROM dead_letters ORDER BY 1") == "2002\nnobody");
    CHECK(it.test.query("SELECT ended, reason, count FROM erased_messages") == "dropped|forgotten|1");
}

TEST_CASE("a long history goes in steps, and each ends before the next one") {
    Keeping it;
    const auto first = it.store("1", "dice", at(0), "1111");
    it.test.query(fmt::format(
        "INSERT INTO messages (tenant_id, id, conversation_id, account_id, seq, direction, author, kind, "
        "text, "
        "event_id, at, appended_at) SELECT tenant_id, hash_uuid(n::text), conversation_id, account_id, n, "
        "'in', "
        "'contact', 'reaction', 'x', 'r' || n, at, appended_at FROM messages, generate_series(2, 2000) AS n "
        "WHERE conversation_id = '{}'",
        first.conversation.to_string()));
    FixedClock clock(at(31 * day));
    CHECK(run(forget_old(it.database, clock, it.ballet, Millis{1})).messages == 2'000);
    CHECK(clock.pauses >= 3);
}

TEST_CASE("of all that would sweep one does, once in its time") {
    Keeping it;
    CHECK(run(take_sweep(it.database, at(0), Millis{1'000})));
    CHECK_FALSE(run(take_sweep(it.database, at(0), Millis{1'000})));
    CHECK(run(take_sweep(it.database, at(1), Millis{1'000})));
}
