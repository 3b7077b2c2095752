// Who is calling, on the real rows.

#include <doctest/doctest.h>
#include <sodium.h>

#include "identity/access_secret.hpp"
#include "identity/sign_in.hpp"
#include "tests/postgres/people.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct NoHttp final : HttpClient {
    Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall, BodySink) override {
        co_return HttpFault{Reached::no, "not connected"};
    }
};

struct ManualClock final : Clock {
    SysTime now() const override { return time; }
    Task<void> sleep_until(SysTime) override { co_return; }
    SysTime time = at(0);
};

PasswordLimits cheap() {
    PasswordLimits limits;
    limits.operations = crypto_pwhash_OPSLIMIT_MIN;
    limits.memory_bytes = 1024 * 1024;
    return limits;
}

struct Bench : PeopleFixture {
    NoHttp http;
    ManualClock clock;
    Passwords passwords{cheap()};
    std::unique_ptr<Identity> identity =
        make_identity({}, {*sign_in, *people, http, passwords, clock, random});

    // `run` needs a value that can be made of nothing, which a principal cannot
    std::optional<Principal> present(const Secret& bearer) {
        return run([](Identity& of, Secret secret) -> Task<std::optional<Principal>> {
            Credentials credentials{std::move(secret), {}};
            auto principal = co_await of.authenticate(std::move(credentials));
            if (!principal) co_return std::nullopt;
            co_return std::move(*principal);
        }(*identity, bearer));
    }
    std::optional<SignedIn> enter(std::string email, std::string password) {
        return run([](Identity& of, std::string its_email, Secret secret) -> Task<std::optional<SignedIn>> {
            auto signed_in = co_await of.sign_in(std::move(its_email), std::move(secret), "192.0.2.7");
            if (!signed_in) co_return std::nullopt;
            co_return std::move(*signed_in);
        }(*identity, std::move(email), Secret(std::move(password))));
    }
    std::optional<SignedIn> accept(const Secret& ticket, std::string password) {
        return run([](Identity& of, Secret its_ticket, Secret secret) -> Task<std::optional<SignedIn>> {
            auto signed_in = co_await of.redeem_with_password(std::move(its_ticket), std::move(secret));
            if (!signed_in) co_return std::nullopt;
            co_return std::move(*signed_in);
        }(*identity, ticket, Secret(std::move(password))));
    }
};

}  // namespace

TEST_CASE("an operator invites a user, who signs in and makes a key, and each opens their own shop") {
    Bench it;
    const auto olga_in_ballet = *Principal::platform_operator("op", "Olga").within(it.ballet);
    REQUIRE(it.add(it.ballet, 1, "ana@example.com", {"editor"}) == PeopleStore::Outcome::done);
    const auto ticket = run(it.identity->issue_ticket(olga_in_ballet, nth<UserId>(1), "trace"));
    REQUIRE(ticket.has_value());
    CHECK_FALSE(it.enter("ana@example.com", "correcto caballo"));
    CHECK_FALSE(it.present(*ticket));
    const auto first = it.accept(*ticket, "correcto caballo");
    REQUIRE(first);
    CHECK(first->principal.tenant() == it.ballet);
    CHECK_FALSE(it.accept(*ticket, "correcto caballo"));

    const auto session = it.enter("Ana@Example.com", "correcto caballo");
    REQUIRE(session);
    const auto ana = it.present(session->secret);
    REQUIRE(ana);
    CHECK(ana->id() == nth<UserId>(1).to_string());
    CHECK(ana->name() == "ana@example.com");
    CHECK(ana->allows(Module::agents, Action::write));
    CHECK_FALSE(ana->allows(Module::users, Action::write));
    CHECK_FALSE(it.enter("ana@example.com", "falso caballo"));

    auto key =
        draw_key(nth<ApiKeyId>(1), "site", some({"agents.read", "agents.write"}), std::nullopt, it.random);
    key.key.owner = nth<UserId>(1);
    REQUIRE(run(it.people->add_key(it.ballet, key.key, it.clock.time, actor_of(*ana))) ==
            PeopleStore::Outcome::done);
    auto by_key = it.present(key.shown);
    REQUIRE(by_key);
    CHECK(by_key->tenant() == it.ballet);
    CHECK(by_key->permissions() == some({"agents.read", "agents.write"}));
    REQUIRE(it.change(it.ballet, 1, {.roles = std::vector<std::string>{"viewer"}}) ==
            PeopleStore::Outcome::done);
    by_key = it.present(key.shown);
    REQUIRE(by_key);
    CHECK(by_key->permissions() == some({"agents.read"}));

    it.clock.time += Millis{12 * 3'600'000};
    CHECK_FALSE(it.present(session->secret));  // nobody used it for so long
    run([](Identity& of, Principal who) -> Task<bool> {
        co_await of.sign_out(std::move(who));
        co_return true;
    }(*it.identity, first->principal));
    REQUIRE(it.change(it.ballet, 1, {.active = false}) == PeopleStore::Outcome::done);
    CHECK_FALSE(it.present(key.shown));
    CHECK_FALSE(it.enter("ana@example.com", "correcto caballo"));
    // none of it is stored as it was shown
    for (const auto& secret :
         {ticket->reveal(), session->secret.reveal(), key.shown.reveal(), std::string("correcto caballo")}) {
        CHECK(it.test.query("SELECT count(*) FROM (SELECT to_jsonb(s)::text AS x FROM sessions s UNION ALL "
                            "SELECT to_jsonb(k)::text FROM api_keys k UNION ALL SELECT to_jsonb(t)::text "
                            "FROM user_tickets t "
                            "UNION ALL SELECT to_jsonb(p)::text FROM user_passwords p UNION ALL "
                            "SELECT to_jsonb(a)::text FROM audit_log a) AS rows WHERE x LIKE '%" +
                            secret + "%'") == "0");
    }
}
