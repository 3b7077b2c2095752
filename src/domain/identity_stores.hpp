#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "core/task.hpp"
#include "domain/principal.hpp"

namespace relevo {

// What is stored of people, of what they sign in with and of what they changed. Calls throw Failure as the
// other stores do: "postgres.unavailable", "postgres.conflict" (transient), "postgres.rejected" (permanent).

/// An id of people and of what they sign in with: these are drawn, not computed (UUID version 4).
UuidBytes draw_uuid(Random& random);

/// SHA-256 of a secret of ours, as 64 hex digits: the secret itself is stored nowhere.
struct SecretHash {
    std::string hex;
};

/// An active user as the database has them now.
struct Person {
    TenantId tenant;
    UserId user;
    std::string email;
    std::string name;
    Permissions permissions;  ///< of all their roles
};

/// Who runs the installation, and belongs to no shop.
struct OperatorRow {
    std::string id;
    std::string name;
};

struct StoredPassword {
    TenantId tenant;
    UserId user;
    std::string hash;
};

struct StoredSession {
    SessionId id;
    Person person;
};

struct StoredKey {
    TenantId tenant;
    ApiKeyId id;
    std::string name;
    Permissions scopes;
    Permissions owner;  ///< what the user who made it may do now; everything where an operator made it
};

struct NewSession {
    SessionId id;
    SecretHash hash;
    std::string last4;
    SysTime now;
    SysTime expires_at;
    std::string password_hash;  ///< as it is stored, of the password that was proven
};

/// How often something may be tried within some time. Whom it is about is stored as a digest.
struct AttemptLimit {
    std::string kind;  ///< such as "address"
    std::string of;    ///< upper and lower case alike
    int most;
    Millis within;
};

/// How somebody proves who they are from now on.
struct NewProof {
    std::string password_hash;  ///< or else, of an issuer:
    std::string issuer;
    std::string subject;
};

/// Finds who presents something. Each lookup crosses the tenants by an exact match of what was proven, gets
/// ids, and reads the rest as that tenant: nobody else names it.
class SignInStore {
  public:
    virtual ~SignInStore() = default;
    virtual Task<std::optional<OperatorRow>> find_operator(std::string issuer, std::string subject) = 0;
    /// Counts a try against each limit, for as long as it says. Where one is full: when there is room again,
    /// and it is counted against none.
    virtual Task<std::optional<SysTime>> begin_attempt(AttemptId attempt, std::vector<AttemptLimit> limits,
                                                       SysTime now) = 0;
    /// It was no guess, and counts against none of them.
    virtual Task<void> forgive_attempt(AttemptId attempt) = 0;
    /// Nothing for whoever is not, or is not active any more; so with each of these.
    virtual Task<std::optional<Person>> find_person(std::string issuer, std::string subject) = 0;
    virtual Task<std::optional<StoredPassword>> find_password(std::string email) = 0;
    /// Notes, once a minute at most, that it was used. Nothing once it has ended, or lay idle for so long.
    virtual Task<std::optional<StoredSession>> find_session(SecretHash hash, SysTime now, Millis idle) = 0;
    virtual Task<std::optional<StoredKey>> find_key(SecretHash hash, SysTime now) = 0;
    /// A session of an active user who has that password still; nothing for anybody else.
    virtual Task<std::optional<Person>> begin_session(TenantId tenant, UserId user, NewSession session) = 0;
    virtual Task<void> end_session(TenantId tenant, SessionId session, SysTime now) = 0;
    /// The same password, hashed with today's limits; nothing happens where it was changed meanwhile.
    virtual Task<void> rehash(TenantId tenant, UserId user, std::string before, std::string after) = 0;
    /// Whether there is such a ticket, before its end.
    virtual Task<bool> find_ticket(SecretHash hash, SysTime now) = 0;
    /// Whose ticket it is, once, before its end: their proof becomes this one, the sessions and the keys that
    /// they had end, and an invited user is active. Nothing for a ticket that is none (any more), where its
    /// user may do more by now than who made it might or may, or where the proof is somebody else's already.
    virtual Task<std::optional<Person>> redeem_ticket(SecretHash hash, NewProof proof, SysTime now) = 0;
};

/// What a change is noted with, in the transaction that makes it.
struct Actor {
    std::string kind;  ///< name_of(Principal::Kind)
    std::string id;
    std::string name;
    std::string trace;  ///< of the request, where it has one
    Permissions may;    ///< whoever may do more than this is not theirs to change; not noted
};
Actor actor_of(const Principal& principal, std::string trace = {});

struct NewUser {
    UserId id;  ///< drawn by the caller, so that asking twice makes one
    std::string email;
    std::string name;
    std::vector<std::string> roles;
};

/// What shall be otherwise; what is nothing stays.
struct UserChange {
    std::optional<std::string> email =
        std::nullopt;  ///< another one ends their password: it was proven for the old one
    std::optional<std::string> name = std::nullopt;
    std::optional<bool> active = std::nullopt;  ///< false: nothing of theirs opens anything from now on
    std::optional<std::vector<std::string>> roles = std::nullopt;
};

struct UserRow {
    UserId id;
    std::string email;
    std::string name;
    std::string status;  ///< invited, active, disabled
    std::vector<std::string> roles;
    SysTime created_at{};
};

struct RoleRow {
    std::string name;
    bool built_in = false;
    Permissions permissions;
};

struct NewKey {
    ApiKeyId id;
    std::string name;
    Permissions scopes;
    SecretHash hash;
    std::string last4;
    std::optional<UserId> owner;
    std::optional<SysTime> expires_at;
};

struct KeyRow {
    ApiKeyId id;
    std::string name;
    std::vector<std::string> scopes;
    std::string last4;
    std::optional<UserId> owner;
    SysTime created_at{};
    std::optional<SysTime> last_used_at;
    std::optional<SysTime> expires_at;
    std::optional<SysTime> revoked_at;
};

struct AuditQuery {
    std::string actor = {};    ///< id; empty: anybody
    std::string subject = {};  ///< such as "user:UUID"; empty: anything
    std::string action = {};   ///< such as "user.add", or "user" for all of users; empty: any
    std::optional<SysTime> since = std::nullopt;
    std::optional<SysTime> until = std::nullopt;
    std::int64_t before = 0;  ///< the id after which the last page ended; 0: the newest
    int limit = 100;          ///< at most 1,000
};

/// Who changed what. `before` and `after` are JSON, without secrets.
struct AuditRow {
    std::int64_t id = 0;
    SysTime at{};
    Actor actor;
    std::string action;  ///< such as "user.add"
    std::string subject;
    std::string before;
    std::string after;
};

/// A shop's people, roles and keys. What it answers about another tenant's ids is what it answers about ids
/// that nobody has. Whether the actor may do such a thing at all is asked before: Principal::allows.
class PeopleStore {
  public:
    /// beyond_actor: somebody, or something, that may do more than the actor: nobody gives, takes away or
    /// resets what they do not have.
    enum class Outcome { done, not_found, taken, unknown_role, last_admin, beyond_actor, too_many };

    virtual ~PeopleStore() = default;
    /// taken: the shop has somebody with that e-mail address.
    virtual Task<Outcome> add_user(TenantId tenant, NewUser user, Actor actor) = 0;
    /// last_admin: nobody could manage the shop's users any more.
    virtual Task<Outcome> change_user(TenantId tenant, UserId user, UserChange change, Actor actor) = 0;
    /// By id, at most `limit`, after the one that the last page ended with.
    virtual Task<std::vector<UserRow>> users(TenantId tenant, std::optional<UserId> after, int limit) = 0;
    /// One that is still open ends with it.
    virtual Task<Outcome> add_ticket(TenantId tenant, UserId user, SecretHash hash, SysTime now,
                                     SysTime expires_at, Actor actor) = 0;
    virtual Task<Outcome> end_sessions(TenantId tenant, UserId user, SysTime now, Actor actor) = 0;

    virtual Task<std::vector<RoleRow>> roles(TenantId tenant) = 0;
    /// taken: a built-in role has that name.
    virtual Task<Outcome> put_role(TenantId tenant, std::string name, Permissions permissions,
                                   Actor actor) = 0;
    /// taken: somebody has it.
    virtual Task<Outcome> remove_role(TenantId tenant, std::string name, Actor actor) = 0;

    /// taken: there is one of that id, with another secret. too_many: a shop has a thousand that open at
    /// most.
    virtual Task<Outcome> add_key(TenantId tenant, NewKey key, SysTime now, Actor actor) = 0;
    /// A thousand, newest first: all that open, and of the others as many as there is room for.
    virtual Task<std::vector<KeyRow>> keys(TenantId tenant) = 0;
    virtual Task<Outcome> revoke_key(TenantId tenant, ApiKeyId key, SysTime now, Actor actor) = 0;

    /// Newest first. Of TenantId{}: what concerns the installation and no shop.
    virtual Task<std::vector<AuditRow>> audit(TenantId tenant, AuditQuery query) = 0;
};

}  // namespace relevo
