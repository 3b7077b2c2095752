#include <algorithm>

#include "core/json_object.hpp"
#include "postgres/actor_json.hpp"
#include "postgres/ask.hpp"
#include "postgres/request_stores.hpp"
#include "postgres/vault.hpp"

namespace relevo {
namespace {

AccountRow parse_account(const Json& json) {
    AccountRow row;
    row.id = json.id<AccountId>("id");
    row.channel = json.text("channel");
    row.external_id = json.text("external_id");
    row.name = json.text("name");
    row.agent = {json.number("agent")};
    row.chosen = json.flag("chosen");
    row.key = json.text("key");
    row.created_at = json.time("created_at");
    row.retired_at = json.time_if_any("retired_at");
    return row;
}

WebhookRow parse_webhook(const Json& json) {
    WebhookRow row;
    row.channel = json.text("channel");
    row.endpoint = {json.number("endpoint")};
    row.key = json.text("key");
    row.accounts = json["accounts"].texts();
    row.last = json.time_if_any("last");
    row.unknown = json.number("unknown");
    row.unknown_at = json.time_if_any("unknown_at");
    return row;
}

Error refusal(const std::string& why) {
    if (why == "taken")
        return {Fault::permanent, "account.taken", "another shop of this installation has the account"};
    if (why == "no_agent")
        return {Fault::permanent, "account.no_agent", "the shop has published no agent that could answer"};
    return {Fault::permanent, "account.another", "another account of the shop lives by its secrets"};
}

// Be it the one that is kept already: the account leaves the installation's app at Meta.
bool states_app(const std::vector<AccountSecret>& secrets) {
    return std::ranges::any_of(secrets, [](const AccountSecret& it) {
        return it.credential.name == "APP_SECRET" && !it.drawn && !it.credential.value.empty();
    });
}

/// What a claim puts into the vault.
struct Keeping {
    std::vector<StatedCredential> stated;
    std::vector<CredentialSpec> drawn;
    bool alone = false;
};

class PostgresAccountStore final : public AccountStore {
  public:
    PostgresAccountStore(Database& database, Database& real, std::shared_ptr<MasterKeys> masters)
        : database_(database), masters_(std::move(masters)), vault_(real, masters_) {}

    Task<std::vector<AccountRow>> list(TenantId tenant) override {
        auto asked = ask(database_, "list_accounts", tenant, "{}");
        const Json found = co_await std::move(asked);
        std::vector<AccountRow> rows;
        for (const auto& row : found.items()) rows.push_back(parse_account(row));
        co_return rows;
    }

    Task<std::optional<AccountRow>> find(TenantId tenant, AccountId account) override {
        auto asked = ask(database_, "get_account", tenant, JsonObject().id("account", account).str());
        const Json found = co_await std::move(asked);
        if (found.null()) co_return std::nullopt;
        co_return parse_account(found);
    }

    Task<Result<std::vector<CredentialSpec>>> claim(TenantId tenant, NewAccount account,
                                                    Actor actor) override {
        auto looked = keeping(tenant, account.secrets);
        auto kept = co_await std::move(looked);
        if (!kept) co_return kept.error();
        JsonObject request;
        request.raw("actor", actor_json(actor)).text("channel", account.channel);
        request.id("account_id", account_id(account.channel, account.external_id));
        request.text("external_id", account.external_id).text("name", account.name);
        request.text("drawn", account.drawn_key).flag("alone", account.alone || kept->alone);
        request.flag("own_app", states_app(account.secrets));
        for (;;) {
            auto sealed = vault_.sealed_json(tenant, kept->stated);
            const std::string rows = co_await std::move(sealed);
            JsonObject whole = request;
            whole.raw("credentials", rows);
            auto asked = ask(database_, "claim_account", tenant, whole.str());
            const Json claimed = co_await std::move(asked);
            if (claimed.flag("stale")) continue;
            if (!claimed["refused"].null()) co_return refusal(claimed.text("refused"));
            co_return std::move(kept->drawn);
        }
    }

    Task<Result<void>> change(TenantId tenant, AccountId account, AccountChange change,
                              Actor actor) override {
        JsonObject request;
        request.raw("actor", actor_json(actor)).id("account", account);
        if (change.name) request.text("name", *change.name);
        if (change.agent) request.number("agent", change.agent->value);
        auto asked = ask(database_, "change_account", tenant, request.str());
        const std::string outcome = (co_await std::move(asked)).text();
        if (outcome == "done") co_return Result<void>();
        if (outcome == "unknown_agent")
            co_return Error{Fault::permanent, "account.unknown_agent", "there is no such agent"};
        co_return Error{Fault::permanent, "account.unknown", "there is no such account"};
    }

    Task<bool> retire(TenantId tenant, AccountId account, SysTime now, Actor actor) override {
        JsonObject request;
        request.raw("actor", actor_json(actor)).id("account", account).time("now", now);
        auto asked = ask(database_, "retire_account", tenant, request.str());
        const Json known = co_await std::move(asked);
        co_return known.flag();
    }

    Task<std::vector<WebhookRow>> webhooks(TenantId tenant) override {
        auto asked = ask(database_, "list_webhooks", tenant, "{}");
        const Json found = co_await std::move(asked);
        std::vector<WebhookRow> rows;
        for (const auto& row : found.items()) rows.push_back(parse_webhook(row));
        co_return rows;
    }

    Task<Secret> secret(TenantId tenant, std::string category, std::string name) override {
        try {
            auto found = vault_.find(tenant, std::move(category), std::move(name));
            co_return co_await std::move(found);
        } catch (const Failure& failure) {
            if (failure.error().code != "vault.sealed_otherwise") throw;
        }
        co_return Secret();
    }

  private:
    // Of what is stated, what is new.
    Task<Result<Keeping>> keeping(TenantId tenant, std::vector<AccountSecret> secrets) {
        auto asked = vault_.list(tenant);
        const auto known = co_await std::move(asked);
        Keeping keeping;
        for (auto& [credential, drawn, shared] : secrets) {
            const auto place = std::ranges::find_if(known, [&](const SealedCredential& it) {
                return it.category == credential.category && it.name == credential.name;
            });
            const bool there = place != known.end();
            if (there && (drawn || credential.value.empty())) continue;
            if (credential.value.empty())
                co_return Error{Fault::permanent, "account.no_secret", credential.name};
            if (there && same(tenant, *place, credential.value)) continue;
            keeping.alone = keeping.alone || (there && shared);
            keeping.stated.push_back({credential.category, credential.name, credential.value});
            if (drawn) keeping.drawn.push_back(std::move(credential));
        }
        co_return keeping;
    }

    // One that does not open any more is another.
    bool same(TenantId tenant, const SealedCredential& known, const Secret& value) {
        try {
            return open_credential(*masters_, tenant, known).reveal() == value.reveal();
        } catch (const Failure& failure) {
            if (failure.error().code != "vault.sealed_otherwise") throw;
            return false;
        }
    }

    Database& database_;
    std::shared_ptr<MasterKeys> masters_;
    // What is sealed for a repetition is no step of the request: the real database does it.
    PostgresVault vault_;
};

}  // namespace

std::unique_ptr<AccountStore> make_account_store(Database& database, Database& real,
                                                 std::shared_ptr<MasterKeys> masters) {
    return std::make_unique<PostgresAccountStore>(database, real, std::move(masters));
}

}  // namespace relevo
