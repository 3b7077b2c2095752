#include "postgres/meta_store.hpp"

#include <utility>

#include "core/json_object.hpp"
#include "core/random.hpp"
#include "postgres/actor_json.hpp"
#include "postgres/ask.hpp"
#include "postgres/vault.hpp"

namespace relevo {
namespace {

MetaAccount parse_account(const Json& row) {
    MetaAccount account;
    account.id = row.id<AccountId>("id");
    account.asset = {row.text("channel"), row.text("external_id"), row.text("owner"), row.text("name")};
    account.step = row.text("step");
    account.code = row.text("code");
    account.detail = row.text("detail");
    return account;
}

MetaConnection parse_connection(const Json& row) {
    MetaConnection connection;
    connection.id = row.id<MetaConnectionId>("id");
    connection.kind = meta_kind(row.text("kind")).value_or(MetaKind::facebook);
    connection.status = row.text("status");
    connection.code = row.text("code");
    connection.detail = row.text("detail");
    connection.created_at = row.time("created_at");
    connection.open_until = row.time("open_until");
    connection.token_expires_at = row.time_if_any("token_expires_at");
    connection.refresh_at = row.time_if_any("refresh_at");
    connection.attempts = static_cast<int>(row.number("attempts"));
    for (const auto& account : row["accounts"].items()) connection.accounts.push_back(parse_account(account));
    return connection;
}

std::vector<StatedCredential> stated(const std::vector<MetaSecret>& secrets) {
    std::vector<StatedCredential> credentials;
    for (const auto& secret : secrets) credentials.push_back({secret.category, secret.name, secret.value});
    return credentials;
}

std::string place_json(const MetaSecret& secret) {
    return JsonObject().text("category", secret.category).text("name", secret.name).str();
}

JsonObject lease_json(const MetaLease& lease) {
    JsonObject request;
    request.id("id", lease.id).number("life", lease.life);
    return request;
}

class PostgresMetaStore final : public MetaStore {
  public:
    PostgresMetaStore(Database& database, std::shared_ptr<MasterKeys> masters)
        : database_(database), vault_(database, std::move(masters)) {}

    Task<void> begin(TenantId tenant, MetaConnectionId id, MetaKind kind, std::string state_hash,
                     std::string caller, SysTime now, SysTime open_until, Actor actor) override {
        std::string request = JsonObject()
                                  .raw("actor", actor_json(actor))
                                  .id("id", id)
                                  .text("kind", name_of(kind))
                                  .text("state", state_hash)
                                  .text("caller", caller)
                                  .time("now", now)
                                  .time("open_until", open_until)
                                  .str();
        auto asked = ask(database_, "begin_meta_connection", tenant, std::move(request));
        co_await std::move(asked);
    }

    Task<bool> began(TenantId tenant, MetaConnectionId id, std::string state_hash,
                     std::string caller) override {
        std::string request =
            JsonObject().id("id", id).text("state", state_hash).text("caller", caller).str();
        auto asked = ask(database_, "get_meta_start", tenant, std::move(request));
        const Json began = co_await std::move(asked);
        co_return began.flag();
    }

    Task<std::optional<MetaConnection>> find(TenantId tenant, MetaConnectionId id) override {
        auto asked = ask(database_, "get_meta_connection", tenant, JsonObject().id("id", id).str());
        const Json found = co_await std::move(asked);
        if (found.null()) co_return std::nullopt;
        co_return parse_connection(found);
    }

    Task<std::vector<MetaConnection>> list(TenantId tenant) override {
        auto asked = ask(database_, "list_meta_connections", tenant, "{}");
        const Json found = co_await std::move(asked);
        std::vector<MetaConnection> connections;
        for (const auto& row : found.items()) connections.push_back(parse_connection(row));
        co_return connections;
    }

    Task<Secret> secret(TenantId tenant, std::string category, std::string name) override {
        return vault_.find(tenant, std::move(category), std::move(name));
    }

    Task<std::optional<MetaLease>> lease(TenantId tenant, MetaConnectionId id, SysTime now,
                                         SysTime until) override {
        std::string request = JsonObject().id("id", id).time("now", now).time("until", until).str();
        auto asked = ask(database_, "lease_meta_connection", tenant, std::move(request));
        const Json life = co_await std::move(asked);
        if (life.null()) co_return std::nullopt;
        co_return MetaLease{tenant, id, life.number()};
    }

    Task<std::vector<MetaLease>> lease_due(SysTime now, SysTime until, int most) override {
        std::string request = JsonObject().time("now", now).time("until", until).number("most", most).str();
        auto asked = ask(database_, "lease_meta_work", TenantId{}, std::move(request));
        const Json found = co_await std::move(asked);
        std::vector<MetaLease> leases;
        for (const auto& row : found.items()) {
            leases.push_back(
                {TenantId{row.number("tenant")}, row.id<MetaConnectionId>("id"), row.number("life")});
        }
        co_return leases;
    }

    Task<void> keep_code(TenantId tenant, MetaConnectionId id, MetaSecret token, SysTime now,
                         Actor actor) override {
        JsonObject request;
        request.raw("actor", actor_json(actor)).id("id", id).time("now", now);
        std::vector<MetaSecret> secrets;
        secrets.push_back(std::move(token));
        auto kept = with_secrets("keep_meta_code", tenant, std::move(request), std::move(secrets));
        co_await std::move(kept);
    }

    Task<bool> keep_token(MetaLease lease, std::vector<MetaSecret> tokens, std::optional<MetaSecret> forget,
                          SysTime expires_at, SysTime refresh_at) override {
        JsonObject request = lease_json(lease);
        request.time("expires_at", expires_at).time("refresh_at", refresh_at);
        if (forget) request.raw("forget", place_json(*forget));
        auto asked = with_secrets("keep_meta_token", lease.tenant, std::move(request), std::move(tokens));
        const Json kept = co_await std::move(asked);
        co_return kept.flag("kept");
    }

    Task<Claim> claim(TenantId tenant, MetaConnectionId id, MetaAsset asset, std::vector<MetaSecret> secrets,
                      SysTime now, Actor actor) override {
        JsonObject request;
        request.raw("actor", actor_json(actor))
            .id("id", id)
            .text("channel", asset.channel)
            .id("account_id", account_id(asset.channel, asset.external_id))
            .text("external_id", asset.external_id)
            .text("owner", asset.owner)
            .text("name", asset.name)
            .text("drawn", SystemRandom().hex(16))
            .time("now", now);
        auto asked = with_secrets("claim_meta_account", tenant, std::move(request), std::move(secrets));
        const Json claimed = co_await std::move(asked);
        const std::string refused = claimed.text("refused");
        if (refused == "taken") co_return Claim::taken;
        if (refused == "no_agent") co_return Claim::no_agent;
        co_return refused.empty() ? Claim::done : Claim::not_connected;
    }

    Task<void> keep_secrets(TenantId tenant, std::vector<MetaSecret> secrets) override {
        return vault_.put(tenant, stated(secrets));
    }

    Task<bool> rules(TenantId tenant, std::string channel) override {
        auto asked = ask(database_, "get_meta_rule", tenant, JsonObject().text("channel", channel).str());
        const Json rules = co_await std::move(asked);
        co_return rules.flag();
    }

    Task<std::string> address(TenantId tenant, AccountId account) override {
        auto asked = ask(database_, "get_meta_address", tenant, JsonObject().id("account", account).str());
        const Json key = co_await std::move(asked);
        co_return key.text();
    }

    Task<bool> step(MetaLease lease, AccountId account, std::string step, std::string code,
                    std::string detail, SysTime now) override {
        JsonObject request = lease_json(lease);
        request.id("account", account).text("step", step).text("code", code).text("detail", detail);
        request.time("now", now);
        auto asked = ask(database_, "step_meta_account", lease.tenant, request.str());
        const Json held = co_await std::move(asked);
        co_return held.flag();
    }

    Task<void> settle(MetaLease lease, std::optional<Error> error, std::optional<SysTime> retry_at,
                      MetaSecret forget) override {
        JsonObject request = lease_json(lease);
        request.raw("forget", place_json(forget));
        request.text("code", error ? error->code : std::string());
        request.text("detail", error ? error->text : std::string());
        request.flag("refused", error && error->fault == Fault::permanent).time("retry_at", retry_at);
        auto asked = ask(database_, "settle_meta_connection", lease.tenant, request.str());
        co_await std::move(asked);
    }

  private:
    // The secrets and what they are for, in one transaction; sealed anew where the tenant's key was replaced
    // meanwhile.
    Task<Json> with_secrets(std::string op, TenantId tenant, JsonObject request,
                            std::vector<MetaSecret> secrets) {
        const auto credentials = stated(secrets);
        for (;;) {
            auto sealed = vault_.sealed_json(tenant, credentials);
            const std::string rows = co_await std::move(sealed);
            JsonObject whole = request;
            whole.raw("credentials", rows);
            auto asked = ask(database_, op, tenant, whole.str());
            Json result = co_await std::move(asked);
            if (!result.flag("stale")) co_return result;
        }
    }

    Database& database_;
    PostgresVault vault_;
};

}  // namespace

std::unique_ptr<MetaStore> make_meta_store(Database& database, std::shared_ptr<MasterKeys> masters) {
    return std::make_unique<PostgresMetaStore>(database, std::move(masters));
}

}  // namespace relevo
