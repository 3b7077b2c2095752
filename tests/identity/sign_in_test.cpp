#include "identity/sign_in.hpp"

#include <doctest/doctest.h>
#include <sodium.h>

#include <array>

#include "identity/access_secret.hpp"
#include "tests/identity/fake_stores.hpp"
#include "tests/identity/fakes.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

const std::string operator_token = "an operator's token of 32 bytes ";
const std::string internal_secret = "between the services of one house";
const std::string good_password = "correcto caballo";

IdentitySettings settings_of_house() {
    IdentitySettings settings;
    settings.issuers = {issuer_settings()};
    settings.operator_token = Secret(operator_token);
    settings.internal_secret = Secret(internal_secret);
    return settings;
}

PasswordLimits cheap() {
    PasswordLimits limits;
    limits.operations = crypto_pwhash_OPSLIMIT_MIN;
    limits.memory_bytes = 1024 * 1024;
    return limits;
}

Permissions permissions(std::initializer_list<std::string> names) {
    return Permissions::parse(std::vector<std::string>(names)).value();
}

struct Bench {
    explicit Bench(IdentitySettings settings = settings_of_house())
        : identity(make_identity(std::move(settings), {store, people, web, passwords, clock, random})) {
        web.page(auth0_keys, key_set({rsa_key().jwk("k1")}));
        ana = {{17},
               *UserId::parse("00000000-0000-4000-8000-000000000001"),
               "ana@example.com",
               "Ana",
               permissions({"agents.read", "agents.write", "users.invite"})};
        store.active[ana.user] = ana;
        store.people[{auth0, "auth0|5f7c8ec7c33c6c004bbafe82"}] = ana;
        store.passwords[ana.email] = {ana.tenant, ana.user,
                                      run(passwords.hash(Secret(good_password))).value()};
    }

    Result<Principal> present(std::string bearer, std::string internal = {}) {
        return run(identity->authenticate({Secret(std::move(bearer)), Secret(std::move(internal))}));
    }
    std::string code(std::string bearer, std::string internal = {}) {
        const auto principal = present(std::move(bearer), std::move(internal));
        return principal ? "accepted" : principal.error().code;
    }
    Result<SignedIn> sign_in(std::string email, std::string password) {
        return run(identity->sign_in(std::move(email), Secret(std::move(password)), "192.0.2.7"));
    }
    std::string token(const std::string& claims = good_claims) {
        return token_of(R"({"alg":"RS256","kid":"k1"})", claims, rsa_key(), JwtAlgorithm::rs256);
    }

    FakeSignInStore store;
    FakePeopleStore people;
    FakeWeb web;
    Passwords passwords{cheap()};
    ManualClock clock;
    SeededRandom random{1};
    std::unique_ptr<Identity> identity;
    Person ana;
};

}  // namespace

TEST_CASE("who signs in with a password gets a session that opens what they may do") {
    Bench it;
    const auto signed_in = it.sign_in("ana@example.com", good_password);
    REQUIRE(signed_in.has_value());
    CHECK(signed_in->principal.tenant() == TenantId{17});
    CHECK(signed_in->expires_at == it.clock.time + Millis{14 * 86'400'000LL});
    const auto principal = it.present(signed_in->secret.reveal());
    REQUIRE(principal.has_value());
    CHECK(principal->kind() == Principal::Kind::user);
    CHECK(principal->id() == it.ana.user.to_string());
    CHECK(principal->allows(Module::agents, Action::write));
    CHECK_FALSE(principal->allows(Module::vault, Action::read));
    REQUIRE(principal->session());
    for (const auto& [hash, row] : it.store.sessions) CHECK(hash != signed_in->secret.reveal());
    run(it.identity->sign_out(*principal));
    CHECK(it.code(signed_in->secret.reveal()) == "identity.unknown_secret");
}

TEST_CASE("a wrong password, an unknown address and a disabled account are told alike") {
    Bench it;
    std::vector<Error> errors;
    for (const auto& [email, password] :
         {std::pair<std::string, std::string>{"ana@example.com", "falso caballo"},
          {"ana@example.com", ""},
          {"nobody@example.com", good_password},
          {"", good_password},
          {std::string(400, 'a') + "@example.com", good_password}}) {
        const auto signed_in = it.sign_in(email, password);
        REQUIRE_FALSE(signed_in.has_value());
        errors.push_back(signed_in.error());
    }
    it.store.active.clear();
    errors.push_back(it.sign_in("ana@example.com", good_password).error());
    for (const auto& error : errors) {
        CHECK(error.code == "identity.wrong_password");
        CHECK(error.text == errors.front().text);
        CHECK(error.text.find("ana") == std::string::npos);
    }
    CHECK(it.store.sessions.empty());
}

TEST_CASE("a try to sign in counts until it succeeds, and where there were too many nothing is tried") {
    Bench it;
    CHECK_FALSE(it.sign_in("ana@example.com", "falso caballo").has_value());
    CHECK_FALSE(it.sign_in("nobody@example.com", "falso caballo").has_value());
    CHECK(it.store.attempts.size() == 2);
    CHECK(it.sign_in("ana@example.com", good_password).has_value());
    CHECK(it.store.attempts.size() == 2);

    it.store.full_until = it.clock.time + Millis{90'000};
    const int before = it.store.asked;
    std::vector<Error> errors;
    for (const std::string email : {"ana@example.com", "nobody@example.com", ""}) {
        errors.push_back(it.sign_in(email, good_password).error());
        CHECK(errors.back().code == "identity.too_many_attempts");
        CHECK(errors.back().fault == Fault::transient);
        CHECK(errors.back().retry_after == Millis{90'000});
        CHECK(errors.back().text == errors.front().text);
    }
    CHECK(it.store.asked == before);
    it.store.full_until = it.clock.time - Millis{5};
    CHECK(it.sign_in("ana@example.com", good_password).error().retry_after == Millis{1'000});
}

TEST_CASE("a password that was hashed with other limits is hashed again when it is right") {
    Bench it;
    PasswordLimits old = cheap();
    old.operations = 2;
    Passwords before(old);
    const std::string stored = run(before.hash(Secret(good_password))).value();
    it.store.passwords[it.ana.email].hash = stored;
    CHECK_FALSE(it.sign_in("ana@example.com", "falso caballo").has_value());
    CHECK(it.store.passwords[it.ana.email].hash == stored);
    CHECK(it.sign_in("ana@example.com", good_password).has_value());
    CHECK(it.store.passwords[it.ana.email].hash != stored);
    CHECK(it.sign_in("ana@example.com", good_password).has_value());
}

TEST_CASE("an issuer's token says who somebody is, and our rows whose they are and what they may do") {
    Bench it;
    std::string claims = good_claims;
    claims.insert(claims.size() - 1,
                  R"(,"tenant":1,"tenant_id":"1","role":"admin","permissions":["users.write"],)"
                  R"("scope":"users.write","app_metadata":{"tenant":1}})");
    claims.pop_back();
    const auto principal = it.present(it.token(claims));
    REQUIRE(principal.has_value());
    CHECK(principal->tenant() == TenantId{17});
    CHECK(principal->permissions() == it.ana.permissions);
    it.store.people.clear();
    CHECK(it.code(it.token()) == "identity.unknown_user");
    it.store.operators[{auth0, "auth0|5f7c8ec7c33c6c004bbafe82"}] = {"op", "Olga"};
    const auto olga = it.present(it.token());
    REQUIRE(olga.has_value());
    CHECK(olga->runs_installation());
    CHECK_FALSE(olga->tenant());
    std::string forged = it.token();
    forged[forged.rfind('.') + 20] = forged[forged.rfind('.') + 20] == 'A' ? 'B' : 'A';
    CHECK(it.code(forged) == "identity.bad_signature");
}

TEST_CASE("a key opens what its scopes and its owner's rights have in common") {
    Bench it;
    const auto drawn =
        draw_key({}, "shop site", permissions({"agents.read", "agents.write"}), std::nullopt, it.random);
    CHECK(drawn.key.hash.hex == hash_of_secret(drawn.shown.reveal()).hex);
    CHECK(drawn.shown.reveal().ends_with(drawn.key.last4));
    it.store.keys[drawn.key.hash.hex] = {
        {17}, drawn.key.id, drawn.key.name, drawn.key.scopes, permissions({"agents.read"})};
    const auto principal = it.present(drawn.shown.reveal());
    REQUIRE(principal.has_value());
    CHECK(principal->kind() == Principal::Kind::api_key);
    CHECK(principal->tenant() == TenantId{17});
    CHECK(principal->permissions().names() == std::vector<std::string>{"agents.read"});
}

TEST_CASE("a password that was reset while it was checked begins no session") {
    Bench it;
    it.store.while_checking = [&] { it.store.passwords["ana@example.com"].hash = "another"; };
    CHECK(it.sign_in("ana@example.com", good_password).error().code == "identity.wrong_password");
    CHECK(it.store.sessions.empty());
}

TEST_CASE("a secret of ours that nobody can have made costs no question") {
    Bench it;
    const int before = it.store.asked;
    for (const std::string bearer :
         {"rlv_", "rlv_key_", "rlv_key_123", "rlv_admin_00", "rlv_ticket_", "rlv_session_zz"}) {
        CHECK(it.code(bearer) == "identity.unknown_secret");
    }
    // a ticket opens no requests
    CHECK(it.code(draw_secret(SecretKind::ticket, it.random).shown.reveal()) == "identity.unknown_secret");
    CHECK(it.store.asked == before);
    CHECK(it.code(draw_secret(SecretKind::session, it.random).shown.reveal()) == "identity.unknown_secret");
    CHECK(it.code(draw_secret(SecretKind::api_key, it.random).shown.reveal()) == "identity.unknown_secret");
    CHECK(it.store.asked == before + 2);
    CHECK(it.web.calls.empty());
}

TEST_CASE("the operator's token and the services' secret are known only where there are any") {
    Bench it;
    const auto principal = it.present(operator_token);
    REQUIRE(principal.has_value());
    CHECK(principal->runs_installation());
    CHECK(it.code(operator_token + " ") == "identity.bad_token");
    CHECK(it.code("") == "identity.no_credentials");
    const auto service = it.present("", internal_secret);
    REQUIRE(service.has_value());
    CHECK(service->kind() == Principal::Kind::service);
    // a wrong secret is not made good by a right token
    CHECK(it.code(operator_token, internal_secret + "x") == "identity.unknown_secret");

    Bench none{IdentitySettings{}};
    CHECK(none.code("") == "identity.no_credentials");
    CHECK(none.code("", "x") == "identity.unknown_secret");
    CHECK(none.code(operator_token) == "identity.bad_token");
    CHECK(none.code(none.token()) == "identity.unknown_issuer");

    for (const bool of_operator : {true, false}) {
        IdentitySettings settings = settings_of_house();
        (of_operator ? settings.operator_token : settings.internal_secret) = Secret("15 bytes, short");
        CHECK_THROWS_WITH_AS(Bench{settings}, doctest::Contains("identity.bad_settings"), Failure);
    }
}

TEST_CASE("an invitation is opened once, with a password or with an issuer's token") {
    Bench it;
    const auto ana = it.present(it.token()).value();
    const auto invite = [&] {
        const auto ticket = run(it.identity->issue_ticket(ana, it.ana.user, ""));
        REQUIRE(ticket.has_value());
        it.store.tickets[it.people.tickets.back().first] = it.people.tickets.back().second;
        return *ticket;
    };
    Secret ticket = invite();
    CHECK(run(it.identity->redeem_with_password(ticket, Secret("short"))).error().code ==
          "identity.weak_password");
    // no work for a ticket that nobody made: not even a look at the password
    Secret forged = draw_secret(SecretKind::ticket, it.random).shown;
    CHECK(run(it.identity->redeem_with_password(forged, Secret("short"))).error().code ==
          "identity.bad_ticket");
    const auto signed_in = run(it.identity->redeem_with_password(ticket, Secret("otro caballo más")));
    REQUIRE(signed_in.has_value());
    CHECK(it.code(signed_in->secret.reveal()) == "accepted");
    CHECK(it.sign_in("ana@example.com", "otro caballo más").has_value());
    const auto again = run(it.identity->redeem_with_password(ticket, Secret("otro caballo más"))).error();
    CHECK(again.code == "identity.bad_ticket");
    // another one of the same people does not help whose address signs in elsewhere
    CHECK(again.text.ends_with("or let an operator draw the invitation"));

    it.store.people.clear();
    ticket = invite();
    CHECK(run(it.identity->redeem_with_token(ticket, Secret("no.token.x"))).error().code ==
          "identity.bad_token");
    CHECK(run(it.identity->redeem_with_token(ticket, Secret(it.token()))).has_value());
    CHECK(it.code(it.token()) == "accepted");
    for (const std::string text : {"", "rlv_ticket_1"}) {
        CHECK(run(it.identity->redeem_with_token(Secret(text), Secret(it.token()))).error().code ==
              "identity.bad_ticket");
        CHECK(run(it.identity->redeem_with_password(Secret(text), Secret(good_password))).error().code ==
              "identity.bad_ticket");
    }
}

TEST_CASE("only who may invite makes invitations, and for users that there are") {
    Bench it;
    const auto code = [&](const Principal& by) {
        const auto ticket = run(it.identity->issue_ticket(by, it.ana.user, ""));
        return ticket ? "made" : ticket.error().code;
    };
    CHECK(code(Principal::user({17}, it.ana.user, "", permissions({"users.write"}))) == "identity.not_yours");
    CHECK(code(Principal::platform_operator("op", "Olga")) == "identity.not_yours");
    CHECK(code(*Principal::platform_operator("op", "Olga").within({17})) == "made");
    CHECK(code(it.present(it.token()).value()) == "made");  // of the shop itself
    it.people.outcome = PeopleStore::Outcome::not_found;
    CHECK(code(it.present(it.token()).value()) == "identity.no_user");
    it.people.outcome = PeopleStore::Outcome::beyond_actor;
    CHECK(code(it.present(it.token()).value()) == "identity.not_yours");
}
