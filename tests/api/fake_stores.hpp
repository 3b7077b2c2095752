#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/digest.hpp"
#include "domain/request_stores.hpp"
#include "tests/api/fake_agents.hpp"
#include "tests/api/fake_crm.hpp"
#include "tests/api/fake_persons.hpp"
#include "tests/api/fake_talk.hpp"

namespace relevo::testing {

inline SysTime at(std::int64_t seconds) {
    return from_millis(1'780'000'000'000 + seconds * 1'000);
}

/// Every row of every shop. What the real stores promise beyond that is tested beside them.
struct Rows {
    std::map<TenantId, TenantRow> tenants;
    std::map<std::pair<TenantId, UserId>, UserRow> users;
    std::map<std::pair<TenantId, std::string>, RoleRow> roles;
    std::map<std::pair<TenantId, ApiKeyId>, KeyRow> keys;
    std::map<std::pair<TenantId, SessionId>, SessionRow> sessions;
    std::map<std::pair<TenantId, std::string>, CredentialLine> credentials;
    CrmRows crm;
    PersonRows persons;
    std::vector<std::pair<TenantId, AuditRow>> audit;
    AgentRows agency;
    TalkRows talk;
    std::vector<Actor> actors;  // of every change
    int changes = 0;
    PeopleStore::Outcome refuse = PeopleStore::Outcome::done;  // what changes of people answer instead
    CrmStore::Outcome refuse_crm = CrmStore::Outcome::done;
    std::optional<Failure> broken;  // what every call throws
    std::map<std::string, std::pair<std::string, PeopleStore::Outcome>>
        steps;  // of requests that may come again
    bool in_flight = false;
};

class FakeRequestStores final : public RequestStores,
                                public PeopleStore,
                                public TenantStore,
                                public SessionStore,
                                public CredentialStore {
  public:
    FakeRequestStores(Rows& rows, std::optional<Once> once) : rows_(rows), once_(std::move(once)) {}

    PeopleStore& people() override { return *this; }
    TenantStore& tenants() override { return *this; }
    SessionStore& sessions() override { return *this; }
    CredentialStore& credentials() override { return *this; }
    CrmStore& crm() override { return crm_; }
    PersonStore& persons() override { return persons_; }
    AgentStore& agents() override { return agents_; }
    AccountStore& accounts() override { return accounts_; }
    ConversationStore& conversations() override { return conversations_; }
    BillingStore& billing() override { return billing_; }
    void hold() override { held_ = rows_.changes; }
    bool repeated() const override { return repeated_; }

    Task<Outcome> add_user(TenantId tenant, NewUser user, Actor actor) override {
        if (!start("add_user", actor)) co_return outcome_;
        const bool taken = std::ranges::any_of(rows_.users, [&](const auto& row) {
            return row.first.first == tenant && row.second.email == user.email;
        });
        if (taken) co_return settle(Outcome::taken);
        rows_.users[{tenant, user.id}] = {user.id, user.email, user.name, "invited", user.roles, at(0)};
        co_return settle(Outcome::done);
    }
    Task<Outcome> change_user(TenantId tenant, UserId user, UserChange change, Actor actor) override {
        if (!start("change_user", actor)) co_return outcome_;
        const auto found = rows_.users.find({tenant, user});
        if (found == rows_.users.end()) co_return settle(Outcome::not_found);
        UserRow& row = found->second;
        if (change.email) row.email = *change.email;
        if (change.name) row.name = *change.name;
        if (change.active) row.status = *change.active ? "active" : "disabled";
        if (change.roles) row.roles = *change.roles;
        co_return settle(Outcome::done);
    }
    Task<std::vector<UserRow>> users(TenantId tenant, std::optional<UserId> after, int limit) override {
        look();
        std::vector<UserRow> page;
        for (const auto& [key, row] : rows_.users) {
            const bool wanted = key.first == tenant && (!after || key.second > *after);
            if (wanted && std::ssize(page) < limit) page.push_back(row);
        }
        co_return page;
    }
    Task<Outcome> add_ticket(TenantId, UserId, SecretHash, SysTime, SysTime, Actor) override {
        co_return Outcome::done;
    }
    Task<Outcome> end_sessions(TenantId tenant, UserId user, SysTime now, Actor actor) override {
        if (!start("end_sessions", actor)) co_return outcome_;
        if (!rows_.users.contains({tenant, user})) co_return settle(Outcome::not_found);
        for (auto& [key, row] : rows_.sessions) {
            if (key.first == tenant && row.user == user) row.ended_at = now;
        }
        co_return settle(Outcome::done);
    }
    Task<std::vector<RoleRow>> roles(TenantId tenant) override {
        look();
        std::vector<RoleRow> all{{"admin", true, Permissions::all()}};
        for (const auto& [key, row] : rows_.roles) {
            if (key.first == tenant) all.push_back(row);
        }
        co_return all;
    }
    Task<Outcome> put_role(TenantId tenant, std::string name, Permissions permissions, Actor actor) override {
        if (!start("put_role", actor)) co_return outcome_;
        if (name == "admin") co_return settle(Outcome::taken);
        rows_.roles[{tenant, name}] = {name, false, permissions};
        co_return settle(Outcome::done);
    }
    Task<Outcome> remove_role(TenantId tenant, std::string name, Actor actor) override {
        if (!start("remove_role", actor)) co_return outcome_;
        co_return settle(rows_.roles.erase({tenant, name}) > 0 ? Outcome::done : Outcome::not_found);
    }
    Task<Outcome> add_key(TenantId tenant, NewKey key, SysTime now, Actor actor) override {
        if (!start("add_key", actor)) co_return outcome_;
        KeyRow row;
        row.id = key.id;
        row.name = key.name;
        row.scopes = key.scopes.names();
        row.last4 = key.last4;
        row.owner = key.owner;
        row.created_at = now;
        row.expires_at = key.expires_at;
        rows_.keys[{tenant, key.id}] = row;
        co_return settle(Outcome::done);
    }
    Task<std::vector<KeyRow>> keys(TenantId tenant) override {
        look();
        std::vector<KeyRow> all;
        for (const auto& [key, row] : rows_.keys) {
            if (key.first == tenant) all.push_back(row);
        }
        co_return all;
    }
    Task<Outcome> revoke_key(TenantId tenant, ApiKeyId key, SysTime now, Actor actor) override {
        if (!start("revoke_key", actor)) co_return outcome_;
        const auto found = rows_.keys.find({tenant, key});
        if (found == rows_.keys.end()) co_return settle(Outcome::not_found);
        found->second.revoked_at = now;
        co_return settle(Outcome::done);
    }
    Task<std::vector<AuditRow>> audit(TenantId tenant, AuditQuery query) override {
        look();
        std::vector<AuditRow> page;
        for (auto row = rows_.audit.rbegin(); row != rows_.audit.rend(); ++row) {
            const bool wanted = row->first == tenant &&
                                (query.before == 0 || row->second.id < query.before) &&
                                (query.subject.empty() || row->second.subject == query.subject);
            if (wanted && std::ssize(page) < query.limit) page.push_back(row->second);
        }
        co_return page;
    }

    Task<std::optional<TenantRow>> find(TenantId tenant) override {
        look();
        const auto found = rows_.tenants.find(tenant);
        if (found == rows_.tenants.end()) co_return std::nullopt;
        co_return found->second;
    }
    Task<std::vector<TenantRow>> list(TenantId after, int limit) override {
        look();
        std::vector<TenantRow> page;
        for (const auto& [id, row] : rows_.tenants) {
            if (id > after && std::ssize(page) < limit) page.push_back(row);
        }
        co_return page;
    }
    Task<std::optional<TenantId>> add(NewTenant tenant, Actor actor) override {
        const auto same = [&](const auto& row) { return row.second.slug == tenant.slug; };
        const auto found = std::ranges::find_if(rows_.tenants, same);
        if (!start("add_tenant", actor)) {
            if (outcome_ == Outcome::done && found != rows_.tenants.end()) co_return found->first;
            co_return std::nullopt;
        }
        if (found != rows_.tenants.end()) {
            settle(Outcome::taken);
            co_return std::nullopt;
        }
        const TenantId id{rows_.tenants.rbegin()->first.value + 1};
        rows_.tenants[id] = {id, tenant.slug, tenant.name, tenant.language, tenant.cors_origins, at(0)};
        settle(Outcome::done);
        co_return id;
    }
    Task<Changed> change(TenantId tenant, TenantChange change, Actor actor) override {
        start("change_tenant", actor);
        TenantRow& row = rows_.tenants.at(tenant);
        if (change.time_zone == "Mars/Olympus") co_return Changed::unknown_time_zone;
        if (change.time_zone) row.time_zone = *change.time_zone;
        if (change.fallback_text) row.fallback_text = *change.fallback_text;
        if (change.redact) row.redact = *change.redact;
        if (change.keep_days) row.keep_days = *change.keep_days;
        if (change.name) row.name = *change.name;
        if (change.language) row.language = *change.language;
        if (change.cors_origins) row.cors_origins = *change.cors_origins;
        co_return Changed::done;
    }
    Task<bool> allows_origin(std::optional<TenantId> tenant, std::string origin) override {
        for (const auto& [id, row] : rows_.tenants) {
            if (tenant && *tenant != id) continue;
            if (std::ranges::count(row.cors_origins, origin) > 0) co_return true;
        }
        co_return false;
    }

    Task<std::vector<SessionRow>> list(TenantId tenant, std::optional<UserId> user,
                                       std::optional<SessionPlace> after, int limit) override {
        look();
        const auto place = [](const SessionRow& row) { return std::pair(row.created_at, row.id); };
        std::vector<SessionRow> all;
        for (const auto& [key, row] : rows_.sessions) {
            if (key.first != tenant || (user && row.user != *user)) continue;
            if (!after || place(row) < std::pair(after->created_at, after->id)) all.push_back(row);
        }
        std::ranges::sort(all, std::greater<>(), place);
        if (std::ssize(all) > limit) all.resize(static_cast<std::size_t>(limit));
        co_return all;
    }
    Task<Outcome> end(TenantId tenant, SessionId session, SysTime now, Actor actor) override {
        if (!start("end_session", actor)) co_return outcome_;
        const auto found = rows_.sessions.find({tenant, session});
        if (found == rows_.sessions.end()) co_return settle(Outcome::not_found);
        found->second.ended_at = now;
        co_return settle(Outcome::done);
    }

    Task<std::vector<CredentialLine>> list(TenantId tenant) override {
        look();
        std::vector<CredentialLine> all;
        for (const auto& [key, row] : rows_.credentials) {
            if (key.first == tenant) all.push_back(row);
        }
        co_return all;
    }
    Task<std::optional<CredentialLine>> find(TenantId tenant, std::string category,
                                             std::string name) override {
        look();
        const auto found = rows_.credentials.find({tenant, category + "/" + name});
        if (found == rows_.credentials.end()) co_return std::nullopt;
        co_return found->second;
    }
    Task<void> put(TenantId tenant, std::string category, std::string name, Secret value,
                   Actor actor) override {
        start("put_credential", actor);
        const std::string& text = value.reveal();
        CredentialLine line{category, name, {}, sha256_hex(text).substr(0, 16), true, at(0)};
        if (text.size() >= 12) line.ends_with = text.substr(text.size() - 4);
        rows_.credentials[{tenant, category + "/" + name}] = line;
        co_return;
    }
    Task<bool> remove(TenantId tenant, std::string category, std::string name, Actor actor) override {
        start("remove_credential", actor);
        co_return rows_.credentials.erase({tenant, category + "/" + name}) > 0;
    }

  private:
    void look() const {
        if (rows_.broken) throw Failure(*rows_.broken);
    }
    // False where the answer is there already, in `outcome_`.
    bool start(const std::string& op, const Actor& actor) {
        look();
        if (held_ && *held_ != rows_.changes) {
            throw Failure({Fault::permanent, "request.changed", "somebody changed it"});
        }
        if (once_) {
            step_ = once_->caller + " " + once_->key + " " + op;
            if (rows_.in_flight) {
                throw Failure({Fault::transient, "request.in_flight", "being done", Millis{1'000}});
            }
            const auto found = rows_.steps.find(step_);
            if (found != rows_.steps.end()) {
                if (found->second.first != once_->request) {
                    throw Failure({Fault::permanent, "request.another", "another request"});
                }
                outcome_ = found->second.second;
                repeated_ = outcome_ == Outcome::done;
                if (repeated_) return false;
            }
        }
        outcome_ = rows_.refuse;
        if (outcome_ != Outcome::done) return false;
        rows_.actors.push_back(actor);
        ++rows_.changes;
        return true;
    }
    Outcome settle(Outcome outcome) {
        if (once_) rows_.steps[step_] = {once_->request, outcome};
        return outcome;
    }

    Rows& rows_;
    FakeCrmStore crm_{rows_.crm, rows_.refuse_crm,
                      [this](const std::string& op, const Actor& actor) { return start(op, actor); },
                      [this] { settle(Outcome::done); }};
    FakePersonStore persons_{rows_.persons};
    FakeAgentStore agents_{rows_.agency};
    FakeAccountStore accounts_{rows_.agency};
    FakeConversationStore conversations_{rows_.talk};
    FakeBillingStore billing_{rows_.talk};
    const std::optional<Once> once_;
    std::optional<int> held_;
    bool repeated_ = false;
    Outcome outcome_ = Outcome::done;
    std::string step_;
};

class FakeRequestBook final : public RequestBook {
  public:
    Rows rows;

    std::unique_ptr<RequestStores> begin(std::optional<Once> once) override {
        return std::make_unique<FakeRequestStores>(rows, std::move(once));
    }
    Task<std::int64_t> forget(SysTime) override { co_return 0; }
};

}  // namespace relevo::testing
