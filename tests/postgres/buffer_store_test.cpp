#include <doctest/doctest.h>

#include <set>

#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("five messages of one burst become one turn, whoever claims first") {
    Fixture fixture(8);
    std::vector<StoredMessage> stored;
    std::vector<MessageId> ids;
    for (int i = 0; i < 5; ++i) {
        stored.push_back(fixture.store("e" + std::to_string(i), "parte", at(i)));
        ids.push_back(stored.back().message);
    }
    std::vector<Task<TurnClaim>> tasks;
    for (int i = 0; i < 20; ++i) {
        tasks.push_back(fixture.buffer->claim_turn(fixture.ballet, stored[0].conversation, ids, at(21), 10));
    }
    std::set<TurnId> turns;
    for (const auto& claimed : run_all(std::move(tasks))) {
        CHECK(claimed.state == TurnClaim::State::claimed);
        turns.insert(claimed.turn);
    }
    CHECK(turns.size() == 1);
    CHECK(fixture.test.query("SELECT count(*) FROM turns") == "1");
    CHECK(fixture.test.query("SELECT count(DISTINCT turn_id), count(turn_id) FROM messages") == "1|5");
}

TEST_CASE("a turn in which a writing tool started is not superseded") {
    Fixture fixture;
    const TurnId first = fixture.claim(fixture.store("1", "comprá", at(0)), at(16));
    run(fixture.retrieve->freeze_step(fixture.ballet, first, {}, at(17)));
    fixture.test.query(
        "INSERT INTO tool_calls (tenant_id, id, turn_id, step, index, tool, writes, status, arguments, "
        "started_at) SELECT tenant_id, gen_random_uuid(), id, 0, 0, 'order', true, 'started', '{}', "
        "now() FROM turns");
    fixture.claim(fixture.store("2", "no, pará", at(20)), at(36));
    CHECK(fixture.turn_status(first) == "open");
}
