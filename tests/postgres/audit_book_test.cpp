#include <doctest/doctest.h>

#include "core/json_object.hpp"
#include "postgres/pauses.hpp"
#include "tests/postgres/books.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("each message is counted under the one end that it had, and what nothing holds is listed") {
    BooksBench bench;
    bench.answered("1");
    // superseded: a newer message came before the first bubble
    const auto early = bench.from("2");
    bench.answer(bench.claim(early, at(16)), {"uno"}, at(17));
    const auto newer = bench.store("wamid.2b", "canary", at(18), "2");
    const auto second = bench.answer(bench.claim(newer, at(34)), {"dos"}, at(35)).front();
    bench.accept(bench.ask(second, at(36)), "out.2", at(37));
    // left to a human, before a turn and within one
    const auto taken = bench.from("3");
    run(bench.handoff->take_over(bench.ballet, taken.conversation, at(5)));
    const auto in_turn = bench.from("4");
    bench.claim(in_turn, at(16));
    run(bench.handoff->take_over(bench.ballet, in_turn.conversation, at(17)));
    // dropped: a reaction, an expiry
    bench.store("wamid.5", "👍", at(0), "5", InboundKind::reaction);
    const auto late = bench.from("6");
    run(bench.buffer->expire(bench.ballet, late.conversation, {late.message}, at(90'000)));
    // dead: with a row, and without one
    const auto poison = bench.from("7");
    bench.dead("messages.resolved", bench.ballet.to_string() + ":" + poison.conversation.to_string(),
               JsonObject().id("message", poison.message).str(), "record.malformed");
    bench.dead("messages.received", "whatsapp/9:549", "not even JSON", "record.malformed");
    // open: parked
    const auto parked = bench.from("8");
    run(make_timers(bench.database)
            ->park({at(200'000),
                    {"messages.resolved",
                     bench.ballet.to_string() + ":" + parked.conversation.to_string(),
                     "{}",
                     {}}}));
    // planted: nothing holds it
    const auto lost = bench.from("9");

    const Audit audit = bench.audit();
    CHECK(BooksBench::ends(audit) ==
          "answered 2, dead 2, dropped 2, human 2, open 1, superseded 1, unexplained 1");
    CHECK(audit.counts.at("dropped") == std::map<std::string, std::int64_t>{{"expired", 1}, {"reaction", 1}});
    REQUIRE(audit.unexplained.size() == 1);
    CHECK(audit.unexplained[0].message == lost.message.to_string());
    CHECK(audit.unexplained[0].slug == "ballet");
    CHECK(audit.unexplained[0].reason == "waits at buffer");
}

TEST_CASE("an open message is on its way while it is young or its stage has records in the log") {
    BooksBench bench;
    bench.from("1");
    bench.claim(bench.from("2"), at(16));
    bench.answered("3", false);
    const auto ends = [&](SysTime now, Lagging lagging) {
        AuditRequest request;
        request.now = now;
        request.lagging = std::move(lagging);
        return BooksBench::ends(bench.audit(request));
    };
    CHECK(ends(at(60), {}) == "open 3");
    CHECK(ends(at(100'000), {}) == "unexplained 3");
    CHECK(ends(at(100'000), {"resolve"}) == "open 1, unexplained 2");
    CHECK(ends(at(100'000), {"buffer", "relay"}) == "open 3");
}

TEST_CASE("the books can be of one shop, and of what came in since") {
    BooksBench bench;
    bench.answered("1");
    bench.store("wamid.late", "canary", at(99'990), "2");
    AuditRequest request;
    request.tenant = "ballet";
    CHECK(BooksBench::ends(bench.audit(request)) == "answered 1, open 1");
    request.tenant = "ferreteria";
    CHECK(BooksBench::ends(bench.audit(request)) == "");
    request.tenant = "ballet";
    request.since = at(50'000);
    CHECK(BooksBench::ends(bench.audit(request)) == "open 1");
    request.tenant = "nobody";
    CHECK_THROWS_AS(bench.audit(request), Failure);
}

TEST_CASE("a redriven letter that never came to a row is unexplained once nothing holds it") {
    BooksBench bench;
    bench.dead("messages.received", "whatsapp/9:549", R"({"kind":"message","event_id":"gone"})",
               "resolve.unknown_account");
    const auto book = make_letter_book(bench.urls, DatabaseConfig{.url = bench.test.app_url()});
    const auto id = book->list({}, 0, 1).front().id;
    book->redrive({}, {id}, "ana", {}, at(0));
    CHECK(BooksBench::ends(bench.audit()) == "open 1");
    bench.test.query("DELETE FROM timers RETURNING 1");
    const Audit audit = bench.audit();
    CHECK(BooksBench::ends(audit) == "unexplained 1");
    CHECK(audit.unexplained[0].message == "gone");
}

TEST_CASE("a record without an id that is redriven and dies again is one message, and dropped is dropped") {
    BooksBench bench;
    bench.dead("messages.received", "poison", "not json", "record.malformed", "");
    const auto book = make_letter_book(bench.urls, DatabaseConfig{.url = bench.test.app_url()});
    const auto first = book->list({}, 0, 1).front().id;
    book->redrive({}, {first}, "ana", {}, at(0));
    const std::string id = bench.test.query("DELETE FROM timers RETURNING headers ->> 'id'");
    CHECK(id == "letter " + std::to_string(first));
    bench.dead("messages.received", "poison", "not json", "record.malformed", id);
    CHECK(BooksBench::ends(bench.audit()) == "dead 1");
    book->drop({}, {book->list({}, first, 1).front().id}, "ana", "a test", at(1));
    CHECK(BooksBench::ends(bench.audit()) == "dropped 1");
}

TEST_CASE("what a customer wrote to an account that was given up stands in the books as dropped") {
    BooksBench bench;
    Account gone = bench.account();
    gone.retired = true;
    run(bench.resolve->store_message(gone, inbound("wamid.late", "canary"), at(0), "trace"));
    const Audit audit = bench.audit();
    CHECK(BooksBench::ends(audit) == "dropped 1");
    CHECK(audit.counts.at("dropped") == std::map<std::string, std::int64_t>{{"account retired", 1}});
}

TEST_CASE("what waits for a paused shop is counted apart from what waits for a time") {
    BooksBench bench;
    const auto stored = bench.from("1");
    const TurnId turn = bench.claim(stored, at(16));
    run(pause(bench.database, {"retrieve", "ballet", "ana", "", {}}));
    PostgresPauses pauses(bench.database);
    const std::string key = bench.ballet.to_string() + ":" + stored.conversation.to_string();
    run(pauses.keep("retrieve", {"turns.ready", key, JsonObject().id("turn", turn).str(), {.id = "r"}},
                    at(20)));
    CHECK(bench.audit().counts.at("open") == std::map<std::string, std::int64_t>{{"paused", 1}});
    run(resume(bench.database, "retrieve", "turns.ready", "ballet"));
    CHECK(bench.audit().counts.at("open") == std::map<std::string, std::int64_t>{{"parked", 1}});
}

TEST_CASE("a timer holds the messages that it is about, and no other of their conversation") {
    BooksBench bench;
    const auto burst = bench.from("1", at(0));
    const auto newest = bench.store("wamid.1b", "canary", at(1), "1");
    bench.store("wamid.1c", "canary", at(2), "1");
    const std::string key = bench.ballet.to_string() + ":" + burst.conversation.to_string();
    run(make_timers(bench.database)
            ->park(
                {at(200'000),
                 {"messages.resolved", key, JsonObject().id("message", newest.message).str(), {.id = "b"}}}));
    // the burst comes back with its newest; what came after it has a record of its own, or is lost
    const Audit audit = bench.audit();
    CHECK(BooksBench::ends(audit) == "open 2, unexplained 1");
}
