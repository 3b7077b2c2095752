#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "domain/identity_stores.hpp"

namespace relevo::testing {

/// Rows in memory. What the real ones promise is tested beside them.
class FakeSignInStore final : public SignInStore {
  public:
    std::map<std::pair<std::string, std::string>, OperatorRow> operators;
    std::map<std::pair<std::string, std::string>, Person> people;
    std::map<std::string, StoredPassword> passwords;  // by e-mail
    std::map<std::string, StoredSession> sessions;    // by hash
    std::map<std::string, StoredKey> keys;
    std::map<UserId, Person> active;
    std::map<std::string, UserId> tickets;
    std::map<AttemptId, std::vector<AttemptLimit>> attempts;
    std::optional<SysTime> full_until;
    int asked = 0;
    std::function<void()> while_checking;  // after a password was found right, before its session begins

    Task<std::optional<OperatorRow>> find_operator(std::string issuer, std::string subject) override {
        co_return find(operators, std::pair(issuer, subject));
    }
    Task<std::optional<SysTime>> begin_attempt(AttemptId attempt, std::vector<AttemptLimit> limits,
                                               SysTime) override {
        attempts[attempt] = std::move(limits);
        co_return full_until;
    }
    Task<void> forgive_attempt(AttemptId attempt) override {
        attempts.erase(attempt);
        if (while_checking) while_checking();
        co_return;
    }
    Task<std::optional<Person>> find_person(std::string issuer, std::string subject) override {
        co_return find(people, std::pair(issuer, subject));
    }
    Task<std::optional<StoredPassword>> find_password(std::string email) override {
        co_return find(passwords, email);
    }
    Task<std::optional<StoredSession>> find_session(SecretHash hash, SysTime, Millis) override {
        co_return find(sessions, hash.hex);
    }
    Task<std::optional<StoredKey>> find_key(SecretHash hash, SysTime) override {
        co_return find(keys, hash.hex);
    }
    Task<std::optional<Person>> begin_session(TenantId, UserId user, NewSession session) override {
        const auto person = find(active, user);
        const auto known = person ? passwords.find(person->email) : passwords.end();
        if (known == passwords.end() || known->second.hash != session.password_hash) co_return std::nullopt;
        if (person) sessions[session.hash.hex] = {session.id, *person};
        co_return person;
    }
    Task<void> end_session(TenantId, SessionId session, SysTime) override {
        std::erase_if(sessions, [&](const auto& row) { return row.second.id == session; });
        co_return;
    }
    Task<void> rehash(TenantId, UserId, std::string before, std::string after) override {
        for (auto& [email, row] : passwords) {
            if (row.hash == before) row.hash = after;
        }
        co_return;
    }
    Task<bool> find_ticket(SecretHash hash, SysTime) override { co_return tickets.contains(hash.hex); }
    Task<std::optional<Person>> redeem_ticket(SecretHash hash, NewProof proof, SysTime) override {
        const auto user = find(tickets, hash.hex);
        if (!user) co_return std::nullopt;
        tickets.erase(hash.hex);
        const Person& person = active.at(*user);
        if (proof.password_hash.empty()) {
            people[{proof.issuer, proof.subject}] = person;
        } else {
            passwords[person.email] = {person.tenant, person.user, proof.password_hash};
        }
        co_return person;
    }

  private:
    template <class Rows, class Key>
    std::optional<typename Rows::mapped_type> find(const Rows& rows, const Key& key) {
        ++asked;
        const auto found = rows.find(key);
        if (found == rows.end()) return std::nullopt;
        return found->second;
    }
};

/// Takes keys and tickets down; answers nothing else.
class FakePeopleStore final : public PeopleStore {
  public:
    std::vector<std::pair<NewKey, Actor>> added;
    std::vector<std::pair<std::string, UserId>> tickets;
    Outcome outcome = Outcome::done;

    Task<Outcome> add_user(TenantId, NewUser, Actor) override { co_return outcome; }
    Task<Outcome> change_user(TenantId, UserId, UserChange, Actor) override { co_return outcome; }
    Task<std::vector<UserRow>> users(TenantId, std::optional<UserId>, int) override {
        co_return std::vector<UserRow>{};
    }
    Task<Outcome> add_ticket(TenantId, UserId user, SecretHash hash, SysTime, SysTime, Actor) override {
        tickets.emplace_back(hash.hex, user);
        co_return outcome;
    }
    Task<Outcome> end_sessions(TenantId, UserId, SysTime, Actor) override { co_return outcome; }
    Task<std::vector<RoleRow>> roles(TenantId) override { co_return std::vector<RoleRow>{}; }
    Task<Outcome> put_role(TenantId, std::string, Permissions, Actor) override { co_return outcome; }
    Task<Outcome> remove_role(TenantId, std::string, Actor) override { co_return outcome; }
    Task<Outcome> add_key(TenantId, NewKey key, SysTime, Actor actor) override {
        added.emplace_back(std::move(key), std::move(actor));
        co_return outcome;
    }
    Task<std::vector<KeyRow>> keys(TenantId) override { co_return std::vector<KeyRow>{}; }
    Task<Outcome> revoke_key(TenantId, ApiKeyId, SysTime, Actor) override { co_return outcome; }
    Task<std::vector<AuditRow>> audit(TenantId, AuditQuery) override { co_return std::vector<AuditRow>{}; }
};

}  // namespace relevo::testing
