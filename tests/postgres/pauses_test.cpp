#include "postgres/pauses.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "domain/records.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

Record reply_record(TenantId tenant, const std::string& id) {
    return {"replies.ready", tenant.to_string() + ":c", "{}", {.id = id}};
}

std::string kept(const Fixture& fixture) {
    return fixture.test.query(
        "SELECT coalesce(string_agg(headers ->> 'id', ' ' ORDER BY due_at), '') FROM timers WHERE due_at <= "
        "now() + interval '1 minute'");
}

}  // namespace

TEST_CASE("a pause outlives the process that was told of it, and says who, when and why") {
    Fixture fixture;
    run(pause(fixture.database, {"relay", "", "ana", "wrong prices", {}}));
    run(pause(fixture.database, {"infer", "ballet", "ana", "", {}}));
    Database another({fixture.test.app_url(), 1});
    PostgresPauses pauses(another);
    run(pauses.read());
    CHECK(pauses.of("relay")->all);
    CHECK_FALSE(pauses.of("infer")->all);
    CHECK(pauses.of("infer")->has(fixture.ballet.to_string() + ":c"));
    CHECK_FALSE(pauses.of("infer")->has(fixture.other.to_string() + ":c"));
    CHECK_FALSE(pauses.of("buffer")->has(fixture.ballet.to_string() + ":c"));
    const auto list = run(list_pauses(another));
    REQUIRE(list.size() == 2);
    CHECK(list[0].by == "ana");
    CHECK(list[0].reason == "wrong prices");
    CHECK(to_millis(list[0].since) > 0);
    CHECK(list[1].shop == "ballet");
    CHECK(run(resume(another, "relay", "replies.ready", "")));
    CHECK_FALSE(run(resume(another, "relay", "replies.ready", "")));
    run(pauses.read());
    CHECK_FALSE(pauses.of("relay")->all);
    CHECK(pauses.of("infer")->has(fixture.ballet.to_string() + ":c"));
}

TEST_CASE("while the database is away, what was known of pauses stays") {
    Fixture fixture;
    run(pause(fixture.database, {"relay", "", "ana", "", {}}));
    Database dead({"postgresql://127.0.0.1:1/none", 1, Millis{500}});
    PostgresPauses unknown(dead);
    CHECK_THROWS_AS(run(unknown.read()), Failure);
    CHECK_FALSE(unknown.of("relay")->all);
    PostgresPauses pauses(fixture.database);
    run(pauses.read());
    fixture.test.query("REVOKE EXECUTE ON FUNCTION op_list_pauses FROM relevo_app");
    CHECK_THROWS_AS(run(pauses.read()), Failure);
    CHECK(pauses.of("relay")->all);
}

TEST_CASE("a pause of a shop that there is not is refused") {
    Fixture fixture;
    try {
        run(pause(fixture.database, {"relay", "zapatos", "ana", "", {}}));
        FAIL("it was taken");
    } catch (const Failure& failure) {
        CHECK(failure.error().code == "shop.unknown");
    }
}

TEST_CASE("what was kept of a paused shop comes back in its order when the shop is resumed, and only that") {
    Fixture fixture;
    PostgresPauses pauses(fixture.database);
    const SysTime now = SystemClock().now();
    for (const auto* shop : {"ballet", "ferreteria"})
        run(pause(fixture.database, {"relay", shop, "a", "", {}}));
    for (const auto* id : {"r3", "r1", "r2"})
        run(pauses.keep("relay", reply_record(fixture.ballet, id), now));
    run(pauses.keep("relay", reply_record(fixture.other, "other"), now));
    run(pauses.keep("relay", reply_record(fixture.ballet, "r3"), now));  // redelivered: it keeps its place
    CHECK(kept(fixture) == "");
    CHECK(run(resume(fixture.database, "relay", "replies.ready", "ballet")));
    CHECK(kept(fixture) == "r3 r1 r2");
}

TEST_CASE(
    "what was kept comes back in the order in which it was made, also where a resumption is finished by the "
    "next") {
    Fixture fixture;
    PostgresPauses pauses(fixture.database);
    const SysTime now = SystemClock().now();
    run(pause(fixture.database, {"relay", "ballet", "a", "", {}}));
    for (int i : {3, 1, 2}) {  // as after hours, when they went through the log again
        Record record = reply_record(fixture.ballet, "r" + std::to_string(i));
        record.headers.time = now + Millis{i};
        run(pauses.keep("relay", record, now));
    }
    // hours: each time it goes through the log, where others overtake it
    CHECK(fixture.test.query("SELECT count(*) FROM timers WHERE due_at > now() + interval '5 hours'") == "3");
    fixture.test.query("DELETE FROM pauses RETURNING 1");
    run(make_timers(fixture.database)
            ->park({now + Millis{3'600'000}, reply_record(fixture.ballet, "later")}));
    CHECK_FALSE(run(resume(fixture.database, "relay", "replies.ready", "ballet")));
    CHECK(kept(fixture) == "r1 r2 r3");
}

TEST_CASE("more than one transaction takes comes back in its order") {
    Fixture fixture;
    run(pause(fixture.database, {"relay", "ballet", "a", "", {}}));
    fixture.test.query(
        "INSERT INTO timers (id, tenant_id, due_at, topic, key, value, headers, kept) "
        "SELECT gen_random_uuid(), " +
        fixture.ballet.to_string() +
        ", now() + interval '6 hours', 'replies.ready', 'k', '', jsonb_build_object('time', n), "
        "'relay' FROM generate_series(2500, 1, -1) AS n RETURNING 1");
    CHECK(run(resume(fixture.database, "relay", "replies.ready", "ballet")));
    CHECK(
        fixture.test.query(
            "SELECT count(*) FROM (SELECT (headers ->> 'time')::int - row_number() OVER (ORDER BY due_at) AS "
            "off "
            "FROM timers WHERE due_at < now() + interval '1 minute' AND kept IS NULL) AS x WHERE off = 0") ==
        "2500");
}

TEST_CASE("a record that is kept just after its shop was resumed comes back at once") {
    Fixture fixture;
    PostgresPauses pauses(fixture.database);
    run(pauses.keep("relay", reply_record(fixture.ballet, "late"), SystemClock().now()));
    CHECK(kept(fixture) == "late");
}

TEST_CASE("bubbles that waited through a long pause still go before the newer ones") {
    Fixture fixture;
    const auto stored = fixture.store("1", "hola", at(0));
    const auto first = fixture.answer(fixture.claim(stored, at(16)), {"uno"}, at(17));
    // where wake is paused, the nudges of bubbles wait too
    std::pair<std::string, std::string> paused{"relay", "replies.ready"};
    SUBCASE("relay") {}
    SUBCASE("wake") {
        paused = {"wake", "timers"};
    }
    run(pause(fixture.database, {paused.first, "", "ana", "", {}}));
    const auto again = fixture.store("2", "¿y?", at(3'600));
    const auto second = fixture.answer(fixture.claim(again, at(3'616)), {"dos"}, at(3'617));
    fixture.test.query("UPDATE replies SET status = 'pending', reason = ''");
    run(resume(fixture.database, paused.first, paused.second, ""));
    // its nudge is an hour old, and yet it is waited for
    const auto claim = fixture.ask(second[0], SystemClock().now());
    CHECK(claim.state == ReplyClaim::State::wait);
    CHECK(claim.reason == waits_for_earlier);
}
