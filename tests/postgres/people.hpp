#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "core/digest.hpp"
#include "postgres/identity_stores.hpp"
#include "tests/postgres/fixture.hpp"

namespace relevo::testing {

/// The n-th id that a test gives away.
template <class Id>
Id nth(int n) {
    std::string text = "00000000-0000-4000-8000-000000000000";
    const std::string digits = std::to_string(n);
    return *Id::parse(text.replace(text.size() - digits.size(), digits.size(), digits));
}

inline SecretHash hash_of(const std::string& secret) {
    return {sha256_hex(secret)};
}

inline Permissions some(std::initializer_list<std::string> names) {
    return Permissions::parse(std::vector<std::string>(names)).value();
}

/// Two shops, and the stores of their people.
struct PeopleFixture : Fixture {
    using Fixture::Fixture;

    std::unique_ptr<SignInStore> sign_in = make_sign_in_store(database);
    std::unique_ptr<PeopleStore> people = make_people_store(database);
    Actor olga{"operator", "op", "Olga", "trace-1", Permissions::all()};
    // what was noted of the shops before there were people
    std::int64_t seeded = std::stoll(test.query("SELECT max(id) FROM audit_log"));

    using Outcome = PeopleStore::Outcome;

    Outcome add(TenantId tenant, int n, const std::string& email,
                std::vector<std::string> roles = {"viewer"}) {
        return run(people->add_user(tenant, {nth<UserId>(n), email, "", std::move(roles)}, olga));
    }
    Outcome invite(TenantId tenant, int n, const std::string& ticket) {
        return run(people->add_ticket(tenant, nth<UserId>(n), hash_of(ticket), at(0), at(100), olga));
    }
    std::optional<Person> redeem(const std::string& ticket, NewProof proof, SysTime when = at(1)) {
        return run(sign_in->redeem_ticket(hash_of(ticket), std::move(proof), when));
    }
    /// An active user who signs in with the issuer's subject `email`.
    void add_active(TenantId tenant, int n, const std::string& email,
                    std::vector<std::string> roles = {"viewer"}) {
        add_proven(tenant, n, email, {"", "https://issuer.example", email}, std::move(roles));
    }
    /// An active user whose password has that hash.
    void add_with_password(TenantId tenant, int n, const std::string& email, const std::string& hash,
                           std::vector<std::string> roles = {"viewer"}) {
        add_proven(tenant, n, email, {hash, "", ""}, std::move(roles));
    }
    void add_proven(TenantId tenant, int n, const std::string& email, NewProof proof,
                    std::vector<std::string> roles) {
        if (add(tenant, n, email, std::move(roles)) != Outcome::done ||
            invite(tenant, n, "ticket " + email) != Outcome::done ||
            !redeem("ticket " + email, std::move(proof))) {
            throw std::runtime_error("no such user can be made: " + email);
        }
    }
    Outcome change(TenantId tenant, int n, UserChange wanted) {
        return run(people->change_user(tenant, nth<UserId>(n), std::move(wanted), olga));
    }
    std::optional<Person> find(const std::string& subject) {
        return run(sign_in->find_person("https://issuer.example", subject));
    }
    std::vector<AuditRow> audit(TenantId tenant, AuditQuery query = {}) {
        auto rows = run(people->audit(tenant, std::move(query)));
        std::erase_if(rows, [&](const AuditRow& row) { return row.id <= seeded; });
        return rows;
    }
};

}  // namespace relevo::testing
