#include "identity/sign_in.hpp"

#include <algorithm>

#include "core/digest.hpp"
#include "identity/access_secret.hpp"
#include "identity/attempts.hpp"
#include "identity/tokens.hpp"

namespace relevo {
namespace {

constexpr std::size_t least_shared_secret_bytes = 16;
constexpr std::size_t max_email_bytes = 320;  // RFC 3696, errata 1690: nobody's is longer

Error denied(std::string code, std::string text) {
    return {Fault::permanent, "identity." + std::move(code), std::move(text)};
}

Error unknown_secret() {
    return denied("unknown_secret",
                  "the bearer token opens nothing (any more); sign in again, or make another key");
}

Error bad_ticket() {
    return denied(
        "bad_ticket",
        "the invitation is used up, has ended or never was, or whoever drew it may do so no more: ask for "
        "another one; or this address signs in elsewhere: sign in with an issuer's account that nobody uses "
        "here, or let an operator draw the invitation");
}

Error wrong_password() {
    return denied("wrong_password",
                  "e-mail address or password is wrong; try again, or ask an administrator for a reset");
}

Error too_many_attempts(Millis retry_after) {
    return {Fault::transient, "identity.too_many_attempts",
            "too many tries to sign in failed; try again later, or ask an administrator for a reset",
            retry_after};
}

bool shared_secret_fits(const Secret& given, const Secret& expected) {
    return !given.empty() && !expected.empty() && same_in_constant_time(given.reveal(), expected.reveal());
}

void check(const Secret& secret, const std::string& name) {
    if (secret.empty() || secret.reveal().size() >= least_shared_secret_bytes) return;
    throw Failure(
        {Fault::permanent, "identity.bad_settings",
         name + " is shorter than 16 bytes, which can be guessed: draw it with openssl rand -hex 32"});
}

Principal principal_of(const Person& person, std::optional<SessionId> session = std::nullopt) {
    const std::string& name = person.name.empty() ? person.email : person.name;
    return Principal::user(person.tenant, person.user, name, person.permissions, session);
}

class SignInIdentity final : public Identity {
  public:
    SignInIdentity(IdentitySettings settings, IdentityParts parts)
        : settings_(std::move(settings)), parts_(parts), tokens_(settings_.issuers, parts.http, parts.clock) {
        check(settings_.operator_token, "the operator's token");
        check(settings_.internal_secret, "identity.internal_secret");
    }

    Task<Result<Principal>> authenticate(Credentials credentials) override {
        if (!credentials.internal.empty()) {
            if (shared_secret_fits(credentials.internal, settings_.internal_secret)) {
                co_return Principal::service();
            }
            co_return denied(
                "unknown_secret",
                "X-Internal-Secret is not this installation's; check identity.internal_secret on "
                "both sides");
        }
        const std::string& bearer = credentials.bearer.reveal();
        if (bearer.empty()) {
            co_return denied("no_credentials",
                             "nothing says who is calling; send Authorization: Bearer with an API key, a "
                             "session or an issuer's token");
        }
        if (looks_like_secret(bearer)) co_return co_await open(credentials.bearer);
        if (shared_secret_fits(credentials.bearer, settings_.operator_token)) {
            co_return Principal::platform_operator("token", "the operator's token");
        }
        co_return co_await believe(credentials.bearer);
    }

    Task<Result<SignedIn>> sign_in(std::string email, Secret password, std::string address) override {
        email.resize(std::min(email.size(), max_email_bytes + 1));  // nobody's, and it counts as any other
        const SysTime now = parts_.clock.now();
        const AttemptId attempt{draw_uuid(parts_.random)};
        auto limits = limits_of_sign_in(email, address);
        const auto room_at = co_await parts_.store.begin_attempt(attempt, std::move(limits), now);
        if (room_at) co_return too_many_attempts(std::max(*room_at - now, Millis{1'000}));
        const auto stored = co_await parts_.store.find_password(std::move(email));
        std::string hash = stored ? stored->hash : std::string();
        auto verdict = co_await parts_.passwords.verify(password, std::move(hash));
        if (!verdict || verdict->right) co_await parts_.store.forgive_attempt(attempt);
        if (!verdict) co_return verdict.error();
        if (!stored || !verdict->right) co_return wrong_password();
        auto begun = co_await begin(stored->tenant, stored->user, stored->hash);
        if (!begun) co_return wrong_password();  // their account was disabled, or reset meanwhile
        if (verdict->outdated) co_await renew(*stored, std::move(password));
        co_return std::move(*begun);
    }

    Task<void> sign_out(Principal principal) override {
        if (!principal.session() || !principal.tenant()) co_return;
        co_await parts_.store.end_session(*principal.tenant(), *principal.session(), parts_.clock.now());
    }

    Task<Result<SignedIn>> redeem_with_password(Secret ticket, Secret password) override {
        if (kind_of_secret(ticket.reveal()) != SecretKind::ticket) co_return bad_ticket();
        const SecretHash opens = hash_of_secret(ticket.reveal());
        // before the work that strangers must not be able to ask for
        const bool there = co_await parts_.store.find_ticket(opens, parts_.clock.now());
        if (!there) co_return bad_ticket();
        auto hash = co_await parts_.passwords.hash(std::move(password));
        if (!hash) co_return hash.error();
        NewProof proof;
        proof.password_hash = *hash;
        const auto person = co_await parts_.store.redeem_ticket(opens, std::move(proof), parts_.clock.now());
        if (!person) co_return bad_ticket();
        auto begun = co_await begin(person->tenant, person->user, std::move(*hash));
        if (!begun) co_return bad_ticket();
        co_return std::move(*begun);
    }

    Task<Result<Principal>> redeem_with_token(Secret ticket, Secret token) override {
        if (kind_of_secret(ticket.reveal()) != SecretKind::ticket) co_return bad_ticket();
        const auto identity = co_await tokens_.verify(token.reveal());
        if (!identity) co_return identity.error();
        NewProof proof;
        proof.issuer = identity->issuer;
        proof.subject = identity->subject;
        const auto person = co_await parts_.store.redeem_ticket(hash_of_secret(ticket.reveal()),
                                                                std::move(proof), parts_.clock.now());
        if (!person) co_return bad_ticket();
        co_return principal_of(*person);
    }

    Task<Result<Secret>> issue_ticket(Principal by, UserId user, std::string trace) override {
        if (!by.allows(Module::users, Action::invite)) {
            co_return denied("not_yours", "inviting needs the permission users.invite; ask an administrator");
        }
        auto drawn = draw_secret(SecretKind::ticket, parts_.random);
        const SysTime now = parts_.clock.now();
        const auto outcome = co_await parts_.people.add_ticket(
            *by.tenant(), user, drawn.hash, now, now + settings_.ticket_life, actor_of(by, std::move(trace)));
        if (outcome == PeopleStore::Outcome::beyond_actor) {
            co_return denied("not_yours", "that user may do more than you; ask an administrator");
        }
        if (outcome != PeopleStore::Outcome::done) {
            co_return denied("no_user", "the user was not found, or is disabled; look at the shop's users");
        }
        co_return std::move(drawn.shown);
    }

  private:
    /// A secret of ours.
    Task<Result<Principal>> open(Secret secret) {
        const auto kind = kind_of_secret(secret.reveal());
        const SecretHash hash = hash_of_secret(secret.reveal());
        if (kind == SecretKind::session) {
            const auto session =
                co_await parts_.store.find_session(hash, parts_.clock.now(), settings_.session_idle);
            if (!session) co_return unknown_secret();
            co_return principal_of(session->person, session->id);
        }
        if (kind == SecretKind::api_key) {
            const auto key = co_await parts_.store.find_key(hash, parts_.clock.now());
            if (!key) co_return unknown_secret();
            co_return Principal::api_key(key->tenant, key->id, key->name, key->scopes, key->owner);
        }
        co_return unknown_secret();
    }

    /// An issuer's token: it proves who somebody is, and our own rows say what they may do.
    Task<Result<Principal>> believe(Secret token) {
        const auto identity = co_await tokens_.verify(token.reveal());
        if (!identity) co_return identity.error();
        const auto person = co_await parts_.store.find_person(identity->issuer, identity->subject);
        if (person) co_return principal_of(*person);
        const auto row = co_await parts_.store.find_operator(identity->issuer, identity->subject);
        if (row) co_return Principal::platform_operator(row->id, row->name);
        co_return denied(
            "unknown_user",
            "the token is genuine, and belongs to nobody here; open the invitation that was sent to "
            "you with it, or ask an administrator for one");
    }

    /// `password_hash`: of the password that they have just proven.
    Task<std::optional<SignedIn>> begin(TenantId tenant, UserId user, std::string password_hash) {
        auto drawn = draw_secret(SecretKind::session, parts_.random);
        NewSession session;
        session.id = SessionId{draw_uuid(parts_.random)};
        session.hash = drawn.hash;
        session.last4 = drawn.last4;
        session.now = parts_.clock.now();
        session.expires_at = session.now + settings_.session_life;
        session.password_hash = std::move(password_hash);
        const auto person = co_await parts_.store.begin_session(tenant, user, session);
        if (!person) co_return std::nullopt;
        co_return SignedIn{std::move(drawn.shown), principal_of(*person, session.id), session.expires_at};
    }

    /// Today's limits for a password that was hashed with others. Where it fails, the next sign-in does it.
    Task<void> renew(StoredPassword stored, Secret password) {
        auto hash = co_await parts_.passwords.hash(std::move(password));
        if (!hash) co_return;
        co_await parts_.store.rehash(stored.tenant, stored.user, stored.hash, std::move(*hash));
    }

    const IdentitySettings settings_;
    IdentityParts parts_;
    TokenVerifier tokens_;
};

}  // namespace

std::unique_ptr<Identity> make_identity(IdentitySettings settings, IdentityParts parts) {
    return std::make_unique<SignInIdentity>(std::move(settings), parts);
}

}  // namespace relevo
