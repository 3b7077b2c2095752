#include <doctest/doctest.h>

#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("the backlog is counted over all shops, and only what waits") {
    Fixture fixture;
    const auto store = make_backlog_store(fixture.database);
    const auto nothing = run(store->read(at(0)));
    CHECK(nothing.dead_letters.empty());
    CHECK(nothing.due_timers == 0);
    CHECK(nothing.longest_due == Millis{0});
    CHECK(nothing.open_turns == 0);
    CHECK(nothing.longest_open == Millis{0});
    CHECK(nothing.unknown_deliveries == 0);

    const auto letters = make_dead_letters(fixture.database);
    const auto timers = make_timers(fixture.database);
    std::int64_t offset = 0;
    for (const std::string& key : {fixture.ballet.to_string() + ":a", fixture.other.to_string() + ":b",
                                   std::string("whatsapp:1001:5")}) {
        DeadLetter letter;
        letter.topic = "turns.ready";
        letter.stage = offset == 0 ? "infer" : "retrieve";
        letter.key = key;
        letter.headers = "{}";
        letter.offset = {++offset};
        run(letters->bury({letter}));
    }
    run(timers->park({at(10), {"turns.ready", fixture.ballet.to_string() + ":a", "{}", {}}}));
    run(timers->park({at(90), {"turns.ready", fixture.other.to_string() + ":b", "{}", {}}}));
    fixture.claim(fixture.store("1", "hola", at(16)), at(16));
    const auto answered = fixture.claim(fixture.store("2", "hola", at(0), "5491150000002"), at(0));
    const auto replies = fixture.answer(answered, {"uno"}, at(1));
    const auto claim = fixture.ask(replies.front(), at(2));
    REQUIRE(claim.permit);
    run(fixture.relay->finish(fixture.ballet, *claim.permit,
                              {Sent::State::unknown, {}, {Fault::permanent, "whatsapp.no_answer", "?"}}, {},
                              at(3)));

    fixture.test.query(
        "INSERT INTO dead_letters (stage, topic, partition, record_offset, record_key, value, headers, "
        "code, text, attempts, status) VALUES ('infer', 'gone', 0, 1, 'k', '{}', '{}', 'a.b', 'c', 1, "
        "'redriven'), ('relay', 'gone', 0, 2, 'k', '{}', '{}', 'a.b', 'c', 1, 'dropped')");

    const auto backlog = run(store->read(at(40)));
    CHECK(backlog.dead_letters == std::map<std::string, std::int64_t>{{"infer", 1}, {"retrieve", 2}});
    CHECK(backlog.due_timers == 1);
    CHECK(backlog.longest_due == Millis{30'000});
    CHECK(backlog.open_turns == 1);
    CHECK(backlog.longest_open == Millis{24'000});
    CHECK(backlog.unknown_deliveries == 1);

    // nor is late what an operator makes wait: a redriven letter behind another one, a paused shop's turn
    fixture.test.query(
        "UPDATE timers SET after = (SELECT id FROM timers ORDER BY due_at DESC LIMIT 1) "
        "WHERE due_at = (SELECT min(due_at) FROM timers)");
    fixture.test.query("INSERT INTO pauses (stage, tenant_id, paused_by) SELECT 'infer', " +
                       fixture.ballet.to_string() + ", 'ana'");
    const auto waiting = run(store->read(at(40)));
    CHECK(waiting.due_timers == 0);
    CHECK(waiting.longest_due == Millis{0});
    CHECK(waiting.open_turns == 1);
    CHECK(waiting.longest_open == Millis{0});

    // what was redriven or given up waits for nobody
    fixture.test.query("UPDATE dead_letters SET status = 'redriven' WHERE stage = 'infer' RETURNING 1");
    CHECK(run(store->read(at(40))).dead_letters == std::map<std::string, std::int64_t>{{"retrieve", 2}});
}

TEST_CASE(
    "budgets are counted by what is to be done about them, of all shops, and not for longer than that") {
    Fixture fixture;
    const auto store = make_backlog_store(fixture.database);
    fixture.test.query(
        "INSERT INTO prices (provider, model, valid_from, currency, input, cached_input, output) VALUES "
        "('sim', 'm', 'epoch', 'USD', 1000000, 1000000, 1000000) RETURNING 1");
    for (const auto& tenant : {fixture.ballet, fixture.other}) {
        fixture.test.query("INSERT INTO budgets (tenant_id, period, currency, hard, soft) VALUES (" +
                           tenant.to_string() + ", 'month', 'USD', 100, 50) RETURNING 1");
    }
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    const auto reserve = [&](const std::string& model, std::int64_t tokens) {
        return run(fixture.infer->reserve_call(fixture.ballet, turn, 0, {"sim", "", model, false, tokens, 0},
                                               at(17)));
    };
    using Budgets = std::map<std::string, std::int64_t>;
    CHECK(run(store->read(at(17))).budgets == Budgets{{"exhausted", 0}, {"soft", 0}, {"unpriced", 0}});
    CHECK(reserve("m", 101).reason == "exhausted");
    CHECK(reserve("strange", 1).reason == "unpriced");
    CHECK(reserve("m", 60).state == CallReservation::State::granted);
    Completion completion;
    completion.usage = {60, 0, true};
    run(fixture.infer->commit_answer(fixture.ballet, turn, 0, completion, {"sí"}, at(18)));
    CHECK(run(store->read(at(18))).budgets == Budgets{{"exhausted", 1}, {"soft", 1}, {"unpriced", 1}});
    CHECK(run(store->read(at(18 + 15 * 60))).budgets ==
          Budgets{{"exhausted", 0}, {"soft", 1}, {"unpriced", 0}});
    CHECK(run(store->read(at(40 * 86'400))).budgets["soft"] == 0);
    CHECK(run(store->read(at(18))).unpriced_calls == 0);

    // of the last day
    fixture.test.query("UPDATE model_calls SET cost = NULL RETURNING 1");
    CHECK(run(store->read(at(18))).unpriced_calls == 1);
    CHECK(run(store->read(at(2 * 86'400))).unpriced_calls == 0);
}
