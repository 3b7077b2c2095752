#include "postgres/timers_source.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <pqxx/pqxx>

#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

class SetClock final : public Clock {
  public:
    SysTime now() const override { return time; }
    Task<void> sleep_until(SysTime) override { co_return; }
    SysTime time = at(0);
};

Timer timer(SysTime due, std::string key, std::string id) {
    Record record{"replies.ready", std::move(key), "{\"reply\":\"ñ\"}", {}};
    record.headers.id = std::move(id);
    record.headers.installation = "i";
    record.headers.expires = at(9'999);
    return {due, record};
}

/// A source with its own io_context, asked as a worker asks.
struct Reader {
    explicit Reader(Fixture& fixture, const Clock& clock)
        : source(context.get_executor(), fixture.database, clock, Millis{0}, Millis{60'000}, Millis{50}) {}
    template <class T>
    T await(Task<T> task) {
        auto result = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
        context.restart();
        context.run();
        return result.get();
    }
    std::vector<Envelope> due() {
        const SourceEvent event = await(source.next(true, Millis{0}));
        const auto* fetched = std::get_if<Fetched>(&event);
        return fetched ? fetched->records : std::vector<Envelope>{};
    }
    void commit(const Envelope& record) {
        const Offset next{record.offset.value + 1};
        const Commit commit{0, next, next};
        source.commit(std::span(&commit, 1));
        await(source.next(false, Millis{0}));
    }
    /// Whether it ends, without an error, long before a call of the database would.
    template <class T>
    bool ends(Task<T> task, const std::function<void()>& once_begun = {}) {
        auto result = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
        context.restart();
        context.poll();
        if (once_begun) once_begun();
        context.run_for(Millis{5'000});
        if (result.wait_for(Millis{0}) != std::future_status::ready) return false;
        result.get();
        return true;
    }
    boost::asio::io_context context;
    TimersSource source;
};

/// Timers of tenants and of nobody that are due at 100 s; another five are not.
void park_many(Fixture& fixture, int due) {
    fixture.test.query(fmt::format(
        "INSERT INTO timers (id, tenant_id, due_at, topic, key, value, headers) SELECT gen_random_uuid(), "
        "nullif(n % 3, 0), to_timestamp(1780000000 + CASE WHEN n <= {0} THEN n % 100 ELSE 999 END), "
        "'replies.ready', 'k', '{{}}', '{{}}' FROM generate_series(1, {0} + 5) AS n",
        due));
}

/// While it lives, whoever asks for timers waits: as with a server that is frozen.
struct Frozen {
    explicit Frozen(Fixture& fixture) : connection(fixture.test.owner_url()), work(connection) {
        work.exec("LOCK TABLE timers");
    }
    pqxx::connection connection;
    pqxx::work work;
};

}  // namespace

TEST_CASE("dead letters of two sources, and of one that starts later, are all kept") {
    Fixture fixture;
    const auto letters = make_dead_letters(fixture.database);
    const auto timers = make_timers(fixture.database);
    SetClock clock;
    clock.time = at(100);
    for (const auto start : {at(100), at(100), at(200)}) {
        clock.time = start;
        Reader reader(fixture, clock);
        reader.await(reader.source.next(true, Millis{0}));
        run(timers->park(timer(at(90), "1:abc", "r1")));
        const auto due = reader.due();
        REQUIRE(due.size() == 1);
        DeadLetter letter;
        letter.topic = "timers";
        letter.stage = "wake";
        letter.headers = "{}";
        letter.offset = due[0].offset;
        run(letters->bury({letter}));
        reader.commit(due[0]);
    }
    CHECK(fixture.test.query("SELECT count(*) FROM dead_letters") == "3");
}

TEST_CASE("what is due and not leased yet is what the source is behind, counted once a second at most") {
    Fixture fixture;
    SetClock clock;
    clock.time = at(100);
    Reader reader(fixture, clock);
    reader.await(reader.source.next(true, Millis{0}));
    CHECK(reader.source.behind() == 0);
    park_many(fixture, 650);
    CHECK(reader.due().size() == 200);
    CHECK(reader.source.behind() == 450);
    CHECK(reader.due().size() == 200);
    CHECK(reader.source.behind() == 450);
    clock.time = at(101);
    CHECK(reader.due().size() == 200);
    CHECK(reader.source.behind() == 50);
    CHECK(reader.due().size() == 50);
    CHECK(reader.source.behind() == 0);
}

TEST_CASE("timers that were leased are woken although they could not be counted") {
    Fixture fixture;
    SetClock clock;
    clock.time = at(100);
    Reader reader(fixture, clock);
    reader.await(reader.source.next(true, Millis{0}));
    park_many(fixture, 450);
    fixture.test.query("REVOKE EXECUTE ON FUNCTION count_due_timers FROM relevo_app");
    CHECK(reader.due().size() == 200);
    CHECK(reader.due().size() == 200);
    CHECK(reader.due().size() == 50);
}

TEST_CASE("wake ends a wait, also one that has not begun") {
    Fixture fixture;
    SetClock clock;
    Reader reader(fixture, clock);
    reader.await(reader.source.next(false, Millis{0}));
    reader.source.wake();
    CHECK(std::holds_alternative<Idle>(reader.await(reader.source.next(false, Millis{3'600'000}))));
}

TEST_CASE("a stop does not wait for a frozen database: not for what is due, nor for what was woken") {
    Fixture fixture;
    const auto timers = make_timers(fixture.database);
    SetClock clock;
    clock.time = at(100);
    Reader reader(fixture, clock);
    reader.await(reader.source.next(true, Millis{0}));
    run(timers->park(timer(at(90), "1:abc", "r1")));
    const auto due = reader.due();
    REQUIRE(due.size() == 1);
    const Offset next{due[0].offset.value + 1};
    const Frozen frozen(fixture);
    CHECK(reader.ends(reader.source.next(true, Millis{0}), [&] { reader.source.wake(); }));
    CHECK(reader.ends(reader.source.close({{0, next, next}})));
}

TEST_CASE("a source that was woken during a call goes on asking afterwards") {
    Fixture fixture;
    const auto timers = make_timers(fixture.database);
    SetClock clock;
    clock.time = at(100);
    Reader reader(fixture, clock);
    reader.await(reader.source.next(true, Millis{0}));
    {
        const Frozen frozen(fixture);
        CHECK(reader.ends(reader.source.next(true, Millis{0}), [&] { reader.source.wake(); }));
    }
    run(timers->park(timer(at(90), "1:abc", "r1")));
    clock.time = at(161);  // the call that was given up may have leased it meanwhile
    CHECK(reader.due().size() == 1);
}

TEST_CASE("timers of a database that is away are none, and no error") {
    boost::asio::io_context context;
    Database away({"postgresql://relevo@127.0.0.1:1/relevo", 1});
    SetClock clock;
    TimersSource source(context.get_executor(), away, clock);
    auto events = boost::asio::co_spawn(
        context,
        [&]() -> Task<bool> {
            co_await source.next(true, Millis{0});
            const SourceEvent event = co_await source.next(true, Millis{0});
            co_return std::holds_alternative<Idle>(event);
        },
        boost::asio::use_future);
    context.run();
    CHECK(events.get());
}

TEST_CASE("a dead letter is kept once, byte for byte, whosever it is") {
    Fixture fixture;
    const auto letters = make_dead_letters(fixture.database);
    DeadLetter letter;
    letter.topic = "messages.received";
    letter.key = std::string("whatsapp:\xff\x00", 11);
    letter.value = std::string("\x00\xfe{", 3);
    letter.headers = "{\"ce_id\":\"\\u0000\"}";
    letter.stage = "resolve";
    letter.code = "record.malformed";
    DeadLetter of_tenant = letter;
    of_tenant.key = "1:abc";
    of_tenant.offset = {1};
    of_tenant.headers = "{\"ce_id\":\"x\"}";
    run(letters->bury({letter, of_tenant}));
    run(letters->bury({letter, of_tenant}));
    CHECK(
        fixture.test.query("SELECT coalesce(tenant_id, 0), encode(record_key, 'hex'), encode(value, 'hex'), "
                           "headers ->> 'ce_id' FROM dead_letters ORDER BY record_offset") ==
        "0|77686174736170703aff00|00fe7b|\n1|313a616263|00fe7b|x");
}
