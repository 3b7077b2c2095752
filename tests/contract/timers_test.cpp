#include <doctest/doctest.h>

#include "domain/timer_codec.hpp"
#include "tests/contract/stores.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

Timer timer(SysTime due, std::string key, std::string id) {
    Record record{"replies.ready", std::move(key), "{\"reply\":\"ñ\"}", {}};
    record.headers.id = std::move(id);
    record.headers.installation = "i";
    record.headers.expires = at(9'999);
    return {due, record};
}

// A process that wakes what is due, asked as its worker asks.
struct Waker {
    explicit Waker(Stores& its_stores) : stores(its_stores), source(stores.timers_source()) {
        CHECK(std::holds_alternative<Assigned>(stores.run(source->next(true, Millis{0}))));
    }
    std::vector<Envelope> due() {
        const SourceEvent event = stores.run(source->next(true, Millis{0}));
        const auto* fetched = std::get_if<Fetched>(&event);
        return fetched ? fetched->records : std::vector<Envelope>{};
    }
    void commit(const Envelope& record) {
        const Offset next{record.offset.value + 1};
        const Commit commit{0, next, next};
        source->commit(std::span(&commit, 1));
        stores.run(source->next(false, Millis{0}));
    }
    Stores& stores;
    std::unique_ptr<Source> source;
};

}  // namespace

TEST_CASE_TEMPLATE("a parked record comes back when it is due, as it was, and is gone once committed", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    Waker waker(stores);
    const Timer parked = timer(at(100), "1:abc", "r1");
    stores.run(stores.timers->park(parked));
    CHECK(waker.due().empty());
    stores.clock.set(at(100));
    const auto due = waker.due();
    REQUIRE(due.size() == 1);
    CHECK(due[0].topic == "timers");
    CHECK(due[0].key == "1:abc");
    const Record record = decode_timer(due[0].value);
    CHECK(record.topic == "replies.ready");
    CHECK(record.value == parked.record.value);
    CHECK(record.headers.id == "r1");
    CHECK(record.headers.expires == at(9'999));
    CHECK_FALSE(record.headers.time);
    waker.commit(due[0]);
    CHECK(stores.count("timer ") == 0);
}

TEST_CASE_TEMPLATE("what one process leased, another gets only after the lease", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    stores.clock.set(at(100));
    Waker first(stores);
    Waker second(stores);
    for (int i = 0; i < 10; ++i) {
        // of a tenant, of another, of nobody
        const std::string key = i % 3 == 0 ? "whatsapp:1001:5" : std::to_string(i % 3) + ":abc";
        stores.run(stores.timers->park(timer(at(10 + i), key, std::to_string(i))));
    }
    CHECK(first.due().size() == 10);
    CHECK(second.due().empty());
    stores.clock.set(at(161));
    CHECK(second.due().size() == 10);
}

TEST_CASE_TEMPLATE("a record that is parked again while it wakes stays parked, for the later time", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    stores.clock.set(at(100));
    Waker waker(stores);
    stores.run(stores.timers->park(timer(at(90), "1:abc", "r1")));
    const auto due = waker.due();
    REQUIRE(due.size() == 1);
    stores.run(stores.timers->park(timer(at(200), "1:abc", "r1")));
    waker.commit(due[0]);
    CHECK(stores.count("timer ") == 1);
    CHECK(waker.due().empty());
    stores.clock.set(at(200));
    CHECK(waker.due().size() == 1);
}

TEST_CASE_TEMPLATE(
    "a record that was woken by another process and parked anew is not deleted with its earlier row", S,
    SimulatedStores, PostgresStores) {
    S stores;
    stores.clock.set(at(100));
    Waker slow(stores);
    Waker quick(stores);
    stores.run(stores.timers->park(timer(at(90), "1:abc", "r1")));
    const auto late = slow.due();
    REQUIRE(late.size() == 1);
    stores.clock.set(at(161));  // its lease has run out
    const auto first = quick.due();
    REQUIRE(first.size() == 1);
    quick.commit(first[0]);
    CHECK(stores.count("timer ") == 0);
    stores.run(stores.timers->park(timer(at(90), "1:abc", "r1")));
    slow.commit(late[0]);
    CHECK(stores.count("timer ") == 1);
    const auto second = quick.due();
    REQUIRE(second.size() == 1);
    quick.commit(second[0]);
    CHECK(stores.count("timer ") == 0);
}

TEST_CASE_TEMPLATE("a dead letter is kept once, the first one of its place", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    DeadLetter letter;
    letter.topic = "messages.received";
    letter.key = "1:abc";
    letter.headers = "{}";
    letter.stage = "resolve";
    letter.code = "record.malformed";
    DeadLetter again = letter;
    again.code = "another";
    DeadLetter of_another_stage = letter;
    of_another_stage.stage = "buffer";
    stores.run(stores.dead_letters->bury({letter, of_another_stage}));
    stores.run(stores.dead_letters->bury({again, again}));
    CHECK(stores.row("dead letter resolve messages.received 0 0") == "record.malformed 1");
    CHECK(stores.count("dead letter ") == 2);
}
