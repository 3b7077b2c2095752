#include <doctest/doctest.h>

#include "tests/postgres/sessions.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Told = PeopleStore::Outcome;

}  // namespace

TEST_CASE(
    "a session opens until it ends, lies idle or has lived its time, and as long as its user is active") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    REQUIRE(fixture.begin(1));
    const auto found = fixture.open(1, at(99));
    REQUIRE(found);
    CHECK(found->id == nth<SessionId>(1));
    CHECK(found->person.tenant == fixture.ballet);
    CHECK(fixture.test.query(
              "SELECT count(*) FROM sessions WHERE position('session 1' IN encode(hash, 'escape')) > 0") ==
          "0");
    CHECK(fixture.open(1, at(198)));  // used at 99
    CHECK_FALSE(fixture.open(1, at(298)));
    CHECK_FALSE(fixture.open(2, at(198)));
    // its end comes, used or not
    CHECK(fixture.open(1, at(999), Millis{10'000'000}));
    CHECK_FALSE(fixture.open(1, at(1'000), Millis{10'000'000}));

    REQUIRE(fixture.begin(2));
    run(fixture.sign_in->end_session(fixture.other, nth<SessionId>(2), at(1)));  // another shop's
    CHECK(fixture.open(2, at(1)));
    run(fixture.sign_in->end_session(fixture.ballet, nth<SessionId>(2), at(1)));
    CHECK_FALSE(fixture.open(2, at(1)));

    REQUIRE(fixture.begin(3));
    CHECK(fixture.change(fixture.ballet, 1, {.active = false}) == Told::done);
    CHECK_FALSE(fixture.open(3, at(1)));
    CHECK_FALSE(fixture.begin(4));
    CHECK(fixture.change(fixture.ballet, 1, {.active = true}) == Told::done);
    CHECK_FALSE(fixture.open(3, at(1)));  // what ended stays so
    CHECK_FALSE(run(fixture.sign_in->begin_session(fixture.other, nth<UserId>(1), {})));
}

TEST_CASE("a session begins with the password that its user has, and not with the one before a reset") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    CHECK(fixture.begin(1));
    CHECK_FALSE(fixture.begin(2, 1, at(0), "h0"));
    CHECK(fixture.invite(fixture.ballet, 1, "reset") == Told::done);
    CHECK(fixture.redeem("reset", password("h2")));
    CHECK_FALSE(fixture.begin(3));  // its password was checked before the reset
    CHECK(fixture.begin(4, 1, at(2), "h2"));
    CHECK(fixture.change(fixture.ballet, 1, {.email = "ana@example.org"}) == Told::done);
    CHECK_FALSE(fixture.begin(5, 1, at(3), "h2"));
    CHECK(fixture.test.query("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == "0");
}

TEST_CASE("another address ends what the old one opened") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    REQUIRE(fixture.begin(1));
    CHECK(fixture.change(fixture.ballet, 1, {.email = "ANA@example.com", .name = "Ana"}) == Told::done);
    CHECK(fixture.open(1, at(1)));
    CHECK(fixture.change(fixture.ballet, 1, {.email = "ana@example.org"}) == Told::done);
    CHECK_FALSE(fixture.open(1, at(1)));
}

TEST_CASE("a session's use is noted once a minute, and the newest twenty stay") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    REQUIRE(fixture.begin(1));
    const auto used = [&] {
        return fixture.test.query("SELECT to_millis(used_at) FROM sessions ORDER BY id LIMIT 1");
    };
    CHECK(fixture.open(1, at(60)));
    CHECK(used() == std::to_string(to_millis(at(0))));
    CHECK(fixture.open(1, at(61)));
    CHECK(used() == std::to_string(to_millis(at(61))));
    for (int n = 2; n <= 25; ++n) REQUIRE(fixture.begin(n, 1, at(n)));
    CHECK(fixture.test.query("SELECT count(*) FROM sessions") == "20");
    CHECK_FALSE(fixture.open(5, at(61)));
    CHECK(fixture.open(6, at(61)));
    CHECK(fixture.begin(25, 1, at(25)));  // asked twice
    CHECK(fixture.test.query("SELECT count(*) FROM sessions") == "20");
}

TEST_CASE("all sessions of a user end at once, and nobody else's") {
    Sessions fixture;
    fixture.sign_up(1, "ana@example.com");
    fixture.sign_up(2, "bea@example.com");
    REQUIRE(fixture.begin(1));
    REQUIRE(fixture.begin(2));
    REQUIRE(fixture.begin(3, 2));
    CHECK(run(fixture.people->end_sessions(fixture.other, nth<UserId>(1), at(1), fixture.olga)) ==
          Told::not_found);
    CHECK(run(fixture.people->end_sessions(fixture.ballet, nth<UserId>(1), at(1), fixture.olga)) ==
          Told::done);
    CHECK_FALSE(fixture.open(1, at(1)));
    CHECK_FALSE(fixture.open(2, at(1)));
    CHECK(fixture.open(3, at(1)));
}
