#include "process/people_book.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/await.hpp"
#include "identity/access_secret.hpp"
#include "postgres/identity_stores.hpp"
#include "postgres/shop_names.hpp"
#include "process/shared.hpp"

namespace relevo {
namespace {

using Outcome = PeopleStore::Outcome;

Failure refused(std::string text) {
    return Failure({Fault::permanent, "people.refused", std::move(text)});
}

bool same_address(std::string_view one, std::string_view other) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(one, other, {}, lower, lower);
}

class PostgresPeopleBook final : public PeopleBook {
  public:
    PostgresPeopleBook(const Config& config, const std::string& user)
        : ticket_life_(config.identity.ticket_life),
          database_(operator_database(config.postgres_url, user)),
          people_(make_people_store(database_)),
          actor_(actor_of(Principal::platform_operator("terminal:" + user, user))) {}

    std::vector<UserRow> users(const std::string& shop) override { return all_users(tenant_of(shop)); }

    Secret add(const std::string& shop, const std::string& email, const std::string& name,
               const std::vector<std::string>& roles) override {
        const TenantId tenant = tenant_of(shop);
        const NewUser user{UserId{draw_uuid(random_)}, email, name, roles};
        switch (await(people_->add_user(tenant, user, actor_))) {
            case Outcome::done:
                return ticket(tenant, user.id, email);
            case Outcome::taken:
                throw refused(
                    fmt::format("{} has somebody with the address {} already; relevo people invite "
                                "prints them another invitation",
                                shop, email));
            case Outcome::unknown_role:
                throw unknown_role(shop);
            default:
                throw refused("the user was not added");
        }
    }

    Secret invite(const std::string& shop, const std::string& user) override {
        const TenantId tenant = tenant_of(shop);
        return ticket(tenant, find_user(tenant, shop, user), user);
    }

    void change(const std::string& shop, const std::string& user, const UserChange& change) override {
        const TenantId tenant = tenant_of(shop);
        switch (await(people_->change_user(tenant, find_user(tenant, shop, user), change, actor_))) {
            case Outcome::done:
                return;
            case Outcome::taken:
                throw refused(shop + " has somebody else with that address");
            case Outcome::unknown_role:
                throw unknown_role(shop);
            case Outcome::last_admin:
                throw refused("nobody could manage the users of " + shop +
                              " any more: give somebody else users.write first");
            default:
                throw unknown_user(shop, user);
        }
    }

    void end_sessions(const std::string& shop, const std::string& user) override {
        const TenantId tenant = tenant_of(shop);
        await(people_->end_sessions(tenant, find_user(tenant, shop, user), clock_.now(), actor_));
    }

    std::vector<RoleRow> roles(const std::string& shop) override {
        return await(people_->roles(tenant_of(shop)));
    }

    void put_role(const std::string& shop, const std::string& name, const Permissions& permissions) override {
        switch (await(people_->put_role(tenant_of(shop), name, permissions, actor_))) {
            case Outcome::done:
                return;
            case Outcome::last_admin:
                throw refused("nobody could manage the users of " + shop +
                              " any more: give somebody another role with users.write first");
            default:
                throw refused(name + " is built in, and every shop's: choose another name");
        }
    }

    void remove_role(const std::string& shop, const std::string& name) override {
        switch (await(people_->remove_role(tenant_of(shop), name, actor_))) {
            case Outcome::done:
                return;
            case Outcome::taken:
                throw refused("somebody has the role " + name + ": relevo people change gives them another");
            default:
                throw refused(fmt::format("{} has no role '{}' of its own; relevo people roles {} lists them",
                                          shop, name, shop));
        }
    }

    std::vector<KeyRow> keys(const std::string& shop) override {
        return await(people_->keys(tenant_of(shop)));
    }

    IssuedKey add_key(const std::string& shop, const std::string& name, const Permissions& scopes,
                      std::optional<SysTime> expires_at) override {
        auto [key, shown] = draw_key(ApiKeyId{draw_uuid(random_)}, name, scopes, expires_at, random_);
        switch (await(people_->add_key(tenant_of(shop), key, clock_.now(), actor_))) {
            case Outcome::done:
                return {key.id, std::move(shown), key.last4};
            case Outcome::too_many:
                throw refused(
                    fmt::format("{0} has a thousand keys that open: relevo keys revoke {0} ends one "
                                "that nobody uses",
                                shop));
            default:
                throw refused("the key was not added");
        }
    }

    void revoke_key(const std::string& shop, const std::string& id) override {
        const TenantId tenant = tenant_of(shop);
        const auto key = ApiKeyId::parse(id);
        if (key && await(people_->revoke_key(tenant, *key, clock_.now(), actor_)) == Outcome::done) return;
        throw refused(fmt::format("{} has no key '{}'; relevo keys list {} shows their ids", shop, id, shop));
    }

    std::vector<AuditRow> changes(const std::string& shop, const AuditQuery& query) override {
        return await(people_->audit(shop.empty() ? TenantId{} : tenant_of(shop), query));
    }

  private:
    static Failure unknown_role(const std::string& shop) {
        return refused(fmt::format("no such role; relevo people roles {} lists those that there are", shop));
    }

    static Failure unknown_user(const std::string& shop, const std::string& user) {
        return refused(
            fmt::format("{} has no user '{}'; relevo people list {} shows them", shop, user, shop));
    }

    TenantId tenant_of(const std::string& slug) { return await(require_shop(database_, slug)); }

    std::vector<UserRow> all_users(TenantId tenant) {
        constexpr int page = 1'000;
        std::vector<UserRow> all;
        for (std::optional<UserId> after;;) {
            const auto some = await(people_->users(tenant, after, page));
            all.insert(all.end(), some.begin(), some.end());
            if (some.size() < page) return all;
            after = some.back().id;
        }
    }

    UserId find_user(TenantId tenant, const std::string& shop, const std::string& user) {
        for (const auto& row : all_users(tenant)) {
            if (same_address(row.email, user) || row.id.to_string() == user) return row.id;
        }
        throw unknown_user(shop, user);
    }

    Secret ticket(TenantId tenant, UserId user, const std::string& name) {
        auto drawn = draw_secret(SecretKind::ticket, random_);
        const SysTime now = clock_.now();
        const auto outcome =
            await(people_->add_ticket(tenant, user, drawn.hash, now, now + ticket_life_, actor_));
        if (outcome == Outcome::done) return std::move(drawn.shown);
        throw refused(name + " is disabled: relevo people change … --enable first");
    }

    const Millis ticket_life_;
    SystemClock clock_;
    SystemRandom random_;
    Database database_;
    std::unique_ptr<PeopleStore> people_;
    const Actor actor_;
};

class PostgresOperatorRoll final : public OperatorRoll {
  public:
    PostgresOperatorRoll(const Secret& owner_url, const std::string& user)
        : database_(operator_database(owner_url, user)) {}

    std::vector<OperatorLine> list() override { return await(list_operators(database_)); }
    std::string add(const std::string& name, const std::string& issuer, const std::string& subject) override {
        return await(add_operator(database_, name, issuer, subject));
    }
    bool end(const std::string& id) override { return await(end_operator(database_, id)); }

  private:
    Database database_;
};

}  // namespace

std::unique_ptr<PeopleBook> make_people_book(const Config& config, const std::string& user) {
    return std::make_unique<PostgresPeopleBook>(config, user);
}

std::unique_ptr<OperatorRoll> make_operator_roll(const Config& config, const std::string& user) {
    if (config.postgres_owner_url.empty()) {
        throw Failure({Fault::permanent, "people.no_owner",
                       "only the database's owner says who runs the installation: the configuration needs "
                       "postgres.owner_url"});
    }
    return std::make_unique<PostgresOperatorRoll>(config.postgres_owner_url, user);
}

}  // namespace relevo
