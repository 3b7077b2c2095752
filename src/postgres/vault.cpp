#include "postgres/vault.hpp"

#include <algorithm>

#include "core/json_object.hpp"
#include "domain/reserved_category.hpp"
#include "postgres/codec.hpp"
#include "postgres/json.hpp"

namespace relevo {
namespace {

WrappedKey wrapped_key(const Json& json) {
    return {static_cast<int>(json.number("version")), static_cast<int>(json.number("master")),
            from_hex(json.text("wrapped"))};
}

SealedCredential sealed_credential(const Json& row, std::string category, std::string name) {
    return {std::move(category), std::move(name), from_hex(row.text("sealed")), wrapped_key(row["key"]),
            row.time("at")};
}

std::string place_json(std::string_view category, std::string_view name) {
    return JsonObject().text("category", category).text("name", name).str();
}

}  // namespace

std::vector<SealedCredential> sealed_credentials(const std::string& listed) {
    std::vector<SealedCredential> credentials;
    for (const auto& row : Json::parse(listed).items()) {
        credentials.push_back(sealed_credential(row, row.text("category"), row.text("name")));
    }
    return credentials;
}

Secret open_credential(MasterKeys& masters, TenantId tenant, const SealedCredential& credential) {
    const auto& [category, name, sealed, key, updated] = credential;
    if (key.version == 0) return open_unwrapped(masters.find(1), tenant, category, name, sealed);
    return masters.unwrap(tenant, key).open(category, name, sealed);
}

Task<Secret> PostgresVault::find(TenantId tenant, std::string category, std::string name) {
    std::string request = place_json(category, name);
    const std::string result = co_await database_.call("find_credential", tenant, std::move(request));
    const Json found = Json::parse(result);
    if (found.null()) co_return Secret();
    const auto credential = sealed_credential(found, std::move(category), std::move(name));
    co_return open_credential(*masters_, tenant, credential);
}

Task<std::vector<SealedCredential>> PostgresVault::list(TenantId tenant) {
    auto credentials = co_await list_all(tenant);
    std::erase_if(credentials, [](const auto& each) { return each.category == reserved_category; });
    co_return credentials;
}

Task<std::vector<SealedCredential>> PostgresVault::list_all(TenantId tenant) {
    co_return sealed_credentials(co_await database_.call("list_credentials", tenant, "{}"));
}

Task<void> PostgresVault::put(TenantId tenant, std::vector<StatedCredential> credentials) {
    bool stale = true;
    while (stale) {
        const std::string sealed = co_await sealed_json(tenant, credentials);
        std::string request = JsonObject().raw("credentials", sealed).str();
        const std::string result = co_await database_.call("put_credentials", tenant, std::move(request));
        stale = Json::parse(result).flag("stale");
    }
}

Task<void> PostgresVault::add(TenantId tenant, StatedCredential credential) {
    bool stale = true;
    while (stale) {
        std::vector<StatedCredential> stated{credential};
        const std::string sealed = co_await seal(tenant, std::move(stated));
        std::string request = JsonObject().raw("credentials", sealed).str();
        const std::string result = co_await database_.call("add_credentials", tenant, std::move(request));
        stale = Json::parse(result).flag("stale");
    }
}

Task<bool> PostgresVault::remove(TenantId tenant, std::string category, std::string name) {
    if (category == reserved_category) co_return false;
    std::string request = place_json(category, name);
    const std::string result = co_await database_.call("remove_credential", tenant, std::move(request));
    co_return Json::parse(result).flag();
}

Task<std::string> PostgresVault::sealed_json(TenantId tenant, std::vector<StatedCredential> credentials) {
    if (std::ranges::find(credentials, reserved_category, &StatedCredential::category) != credentials.end())
        throw Failure(reserved_error());
    co_return co_await seal(tenant, std::move(credentials));
}

Task<std::string> PostgresVault::seal(TenantId tenant, std::vector<StatedCredential> credentials) {
    if (credentials.empty()) co_return "[]";
    const WrappedKey wrapped = co_await newest_key(tenant);
    const TenantKey key = masters_->unwrap(tenant, wrapped);
    std::vector<std::string> rows;
    for (const auto& [category, name, value] : credentials) {
        rows.push_back(JsonObject()
                           .text("category", category)
                           .text("name", name)
                           .text("sealed", to_hex(key.seal(category, name, value)))
                           .number("key", key.version())
                           .str());
    }
    co_return json_array(rows);
}

Task<std::vector<WrappedKey>> PostgresVault::keys(TenantId tenant) {
    const std::string result = co_await database_.call("list_keys", tenant, "{}");
    std::vector<WrappedKey> keys;
    for (const auto& row : Json::parse(result)["keys"].items()) keys.push_back(wrapped_key(row));
    co_return keys;
}

Task<WrappedKey> PostgresVault::add_key(TenantId tenant, int version) {
    const WrappedKey drawn = masters_->draw(tenant, version);
    std::string request = JsonObject()
                              .number("version", drawn.version)
                              .number("master", drawn.master)
                              .text("wrapped", to_hex(drawn.wrapped))
                              .str();
    const std::string result = co_await database_.call("add_key", tenant, std::move(request));
    const Json added = Json::parse(result);
    if (!added.flag("stale")) co_return wrapped_key(added);
    masters_->reload();
    throw Failure({Fault::transient, "vault.unknown_master",
                   "the master keys here are older than the vault's: bring them up to date"});
}

Task<WrappedKey> PostgresVault::newest_key(TenantId tenant) {
    const auto known = co_await keys(tenant);
    if (!known.empty()) co_return known.back();
    co_return co_await add_key(tenant, 1);
}

Task<int> PostgresVault::rekey(TenantId tenant) {
    const auto known = co_await keys(tenant);
    const int version = known.empty() ? 1 : known.back().version + 1;
    const WrappedKey wrapped = co_await add_key(tenant, version);
    const TenantKey key = masters_->unwrap(tenant, wrapped);
    int resealed = 0;
    for (std::int64_t old = 1; old > 0;) {
        for (const auto& credential : co_await list_all(tenant)) {
            if (credential.key.version >= version) continue;
            const Secret value = open_credential(*masters_, tenant, credential);
            std::string request =
                JsonObject()
                    .text("category", credential.category)
                    .text("name", credential.name)
                    .text("was", to_hex(credential.sealed))
                    .text("sealed", to_hex(key.seal(credential.category, credential.name, value)))
                    .number("key", version)
                    .str();
            const std::string result =
                co_await database_.call("reseal_credential", tenant, std::move(request));
            if (Json::parse(result).flag()) ++resealed;
        }
        const std::string left = co_await database_.call("drop_keys", tenant, "{}");
        old = Json::parse(left).number();
    }
    co_return resealed;
}

Task<void> PostgresVault::rewrap(TenantId tenant) {
    const std::string result = co_await database_.call("list_keys", tenant, "{}");
    const Json listed = Json::parse(result);
    if (listed.number("unwrapped") > 0) co_await rekey(tenant);
    for (const auto& key : co_await keys(tenant)) {
        if (key.master >= masters_->newest()) continue;
        const WrappedKey wrapped = masters_->rewrap(tenant, key);
        std::string request = JsonObject()
                                  .number("version", key.version)
                                  .number("was", key.master)
                                  .number("master", wrapped.master)
                                  .text("wrapped", to_hex(wrapped.wrapped))
                                  .str();
        co_await database_.call("rewrap_key", tenant, std::move(request));
    }
}

Task<std::set<int>> PostgresVault::masters_of(TenantId tenant) {
    const std::string result = co_await database_.call("list_keys", tenant, "{}");
    const Json listed = Json::parse(result);
    std::set<int> masters;
    if (listed.number("unwrapped") > 0) masters.insert(1);
    for (const auto& row : listed["keys"].items()) masters.insert(static_cast<int>(row.number("master")));
    co_return masters;
}

Task<void> PostgresVault::use_master(int version) {
    std::string request = JsonObject().number("master", version).str();
    co_await database_.call("use_master", TenantId{}, std::move(request));
}

Task<int> PostgresVault::used_master() {
    const std::string result = co_await database_.call("vault", TenantId{}, "{}");
    co_return static_cast<int>(Json::parse(result).number("master"));
}

Task<std::int64_t> vault_changes(Database& database) {
    const std::string result = co_await database.call("vault", TenantId{}, "{}");
    co_return Json::parse(result).number("changes");
}

}  // namespace relevo
