#include "postgres/scratch_database.hpp"

#include <doctest/doctest.h>

#include <pqxx/pqxx>

#include "core/json_object.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

std::string everything(const Fixture& fixture) {
    return fixture.test.query(
        "SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (SELECT c::text AS x FROM conversations c "
        "UNION ALL SELECT r::text FROM replies r UNION ALL SELECT t::text FROM turns t "
        "UNION ALL SELECT d::text FROM deliveries d UNION ALL SELECT m::text FROM messages m "
        "UNION ALL SELECT s::text FROM scratch s UNION ALL SELECT k::text FROM timers k) AS all_rows");
}

}  // namespace

TEST_CASE("in a scratch database a store's calls see each other, and nothing of them stays") {
    Fixture fixture;
    const auto stored = fixture.store("1", "hola", at(0));
    const auto replies = fixture.answer(fixture.claim(stored, at(16)), {"uno", "dos"}, at(17));
    const std::string before = everything(fixture);
    {
        ScratchDatabase scratch({fixture.test.app_url()});
        const auto relay = make_relay_store(scratch, {});
        auto claim = run(relay->claim(fixture.ballet, replies[0], at(18), true));
        REQUIRE(claim.state == ReplyClaim::State::send);
        run(relay->finish(fixture.ballet, *claim.permit, {Sent::State::accepted, "wamid.1", {}}, {}, at(18)));
        CHECK(run(relay->claim(fixture.ballet, replies[0], at(30), true)).state ==
              ReplyClaim::State::delivered);
        CHECK(everything(fixture) == before);
        const auto asked = scratch.undo();
        REQUIRE(asked.size() == 3);
        CHECK(asked[0].op == "claim_reply");
        CHECK(asked[1].op == "finish_reply");
        claim = run(relay->claim(fixture.ballet, replies[0], at(31), true));
        CHECK(claim.state == ReplyClaim::State::send);  // it was never sent
    }
    CHECK(everything(fixture) == before);
}

TEST_CASE("a call that PostgreSQL refuses leaves the others of its scratch transaction as they were") {
    Fixture fixture;
    const auto stored = fixture.store("1", "hola", at(0));
    ScratchDatabase scratch({fixture.test.app_url()});
    const auto buffer = make_buffer_store(scratch);
    const auto claimed =
        run(buffer->claim_turn(fixture.ballet, stored.conversation, {stored.message}, at(16), 100));
    try {
        run(scratch.call("no_such_operation", fixture.ballet, "{}"));
        FAIL("it was taken");
    } catch (const Failure& failure) {
        CHECK(failure.error().code == "postgres.rejected");
    }
    const auto retrieve = make_retrieve_store(scratch);
    CHECK(run(retrieve->turn_text(fixture.ballet, claimed.turn)).state == TurnText::State::live);
    CHECK(fixture.test.query("SELECT count(*) FROM turns") == "0");
}

TEST_CASE("PostgreSQL itself refuses to commit a scratch transaction") {
    Fixture fixture;
    pqxx::connection connection(fixture.test.app_url());
    pqxx::work work(connection);
    work.exec("INSERT INTO scratch DEFAULT VALUES");
    work.exec(
        "SELECT run_batch('pause', "
        "'[{\"t\":null,\"r\":{\"stage\":\"relay\",\"by\":\"a\",\"reason\":\"\"}}]')");
    CHECK_THROWS(work.commit());
    CHECK(fixture.test.query("SELECT count(*) FROM pauses") == "0");
    CHECK(fixture.test.query("SELECT count(*) FROM scratch") == "0");
}

TEST_CASE("a scratch transaction waits for no lock longer than a moment") {
    Fixture fixture;
    const auto stored = fixture.store("1", "hola", at(0));
    pqxx::connection other(fixture.test.app_url());
    pqxx::work holds(other);
    holds.exec("SELECT set_config('app.tenant_id', '" + fixture.ballet.to_string() + "', true)");
    holds.exec("SELECT FROM conversations FOR UPDATE");
    ScratchDatabase scratch({fixture.test.app_url()});
    const auto buffer = make_buffer_store(scratch);
    try {
        run(buffer->claim_turn(fixture.ballet, stored.conversation, {stored.message}, at(16), 100));
        FAIL("it had the lock");
    } catch (const Failure& failure) {
        CHECK(failure.error().code == "postgres.conflict");
        CHECK(failure.error().fault == Fault::transient);
    }
}
