#include "core/json_object.hpp"
#include "postgres/actor_json.hpp"
#include "postgres/ask.hpp"
#include "postgres/identity_stores.hpp"

namespace relevo {
namespace {

using Outcome = PeopleStore::Outcome;

Outcome parse_outcome(const Json& json) {
    const std::string name = json.text();
    if (name == "done") return Outcome::done;
    if (name == "taken") return Outcome::taken;
    if (name == "unknown_role") return Outcome::unknown_role;
    if (name == "last_admin") return Outcome::last_admin;
    if (name == "beyond_actor") return Outcome::beyond_actor;
    if (name == "too_many") return Outcome::too_many;
    return Outcome::not_found;
}

JsonObject request_of(const Actor& actor) {
    JsonObject request;
    request.raw("actor", actor_json(actor));
    return request;
}

UserRow parse_user(const Json& json) {
    return {json.id<UserId>("id"), json.text("email"),    json.text("name"),
            json.text("status"),   json["roles"].texts(), json.time("created_at")};
}

KeyRow parse_key(const Json& json) {
    KeyRow key;
    key.id = json.id<ApiKeyId>("id");
    key.name = json.text("name");
    key.scopes = json["scopes"].texts();
    key.last4 = json.text("last4");
    key.owner = UserId::parse(json.text("owner"));
    key.created_at = json.time("created_at");
    key.last_used_at = json.time_if_any("used_at");
    key.expires_at = json.time_if_any("expires_at");
    key.revoked_at = json.time_if_any("revoked_at");
    return key;
}

AuditRow parse_audit(const Json& json) {
    AuditRow row;
    row.id = json.number("id");
    row.at = json.time("at");
    row.actor = {json.text("kind"), json.text("actor"), json.text("name"), json.text("trace"), {}};
    row.action = json.text("action");
    row.subject = json.text("subject");
    row.before = json["before"].source();
    row.after = json["after"].source();
    return row;
}

class PostgresPeopleStore final : public PeopleStore {
  public:
    explicit PostgresPeopleStore(Database& database) : database_(database) {}

    Task<Outcome> add_user(TenantId tenant, NewUser user, Actor actor) override {
        JsonObject request = request_of(actor);
        request.id("id", user.id).text("email", user.email).text("name", user.name);
        request.raw("roles", json_texts(user.roles));
        co_return parse_outcome(co_await ask(database_, "add_user", tenant, request.str()));
    }

    Task<Outcome> change_user(TenantId tenant, UserId user, UserChange change, Actor actor) override {
        JsonObject request = request_of(actor);
        request.id("user", user);
        if (change.email) request.text("email", *change.email);
        if (change.name) request.text("name", *change.name);
        if (change.active) request.flag("active", *change.active);
        if (change.roles) request.raw("roles", json_texts(*change.roles));
        co_return parse_outcome(co_await ask(database_, "change_user", tenant, request.str()));
    }

    Task<std::vector<UserRow>> users(TenantId tenant, std::optional<UserId> after, int limit) override {
        JsonObject request;
        request.number("limit", limit);
        if (after) request.id("after", *after);
        const Json found = co_await ask(database_, "list_users", tenant, request.str());
        std::vector<UserRow> users;
        for (const auto& user : found.items()) users.push_back(parse_user(user));
        co_return users;
    }

    Task<Outcome> add_ticket(TenantId tenant, UserId user, SecretHash hash, SysTime now, SysTime expires_at,
                             Actor actor) override {
        JsonObject request = request_of(actor);
        request.id("user", user).text("hash", hash.hex).time("now", now).time("expires_at", expires_at);
        co_return parse_outcome(co_await ask(database_, "add_ticket", tenant, request.str()));
    }

    Task<Outcome> end_sessions(TenantId tenant, UserId user, SysTime now, Actor actor) override {
        JsonObject request = request_of(actor);
        request.id("user", user).time("now", now);
        co_return parse_outcome(co_await ask(database_, "end_sessions", tenant, request.str()));
    }

    Task<std::vector<RoleRow>> roles(TenantId tenant) override {
        const Json found = co_await ask(database_, "list_roles", tenant, "{}");
        std::vector<RoleRow> roles;
        for (const auto& role : found.items()) {
            roles.push_back(
                {role.text("name"), role.flag("built_in"), Permissions::known(role["permissions"].texts())});
        }
        co_return roles;
    }

    Task<Outcome> put_role(TenantId tenant, std::string name, Permissions permissions, Actor actor) override {
        JsonObject request = request_of(actor);
        request.text("name", name).raw("permissions", json_texts(permissions.names()));
        co_return parse_outcome(co_await ask(database_, "put_role", tenant, request.str()));
    }

    Task<Outcome> remove_role(TenantId tenant, std::string name, Actor actor) override {
        JsonObject request = request_of(actor);
        request.text("name", name);
        co_return parse_outcome(co_await ask(database_, "remove_role", tenant, request.str()));
    }

    Task<Outcome> add_key(TenantId tenant, NewKey key, SysTime now, Actor actor) override {
        JsonObject request = request_of(actor);
        request.id("id", key.id).text("name", key.name).raw("scopes", json_texts(key.scopes.names()));
        request.text("hash", key.hash.hex).text("last4", key.last4).time("now", now);
        if (key.owner) request.id("owner", *key.owner);
        request.time("expires_at", key.expires_at);
        co_return parse_outcome(co_await ask(database_, "add_api_key", tenant, request.str()));
    }

    Task<std::vector<KeyRow>> keys(TenantId tenant) override {
        const Json found = co_await ask(database_, "list_api_keys", tenant, "{}");
        std::vector<KeyRow> keys;
        for (const auto& key : found.items()) keys.push_back(parse_key(key));
        co_return keys;
    }

    Task<Outcome> revoke_key(TenantId tenant, ApiKeyId key, SysTime now, Actor actor) override {
        JsonObject request = request_of(actor);
        request.id("key", key).time("now", now);
        co_return parse_outcome(co_await ask(database_, "revoke_api_key", tenant, request.str()));
    }

    Task<std::vector<AuditRow>> audit(TenantId tenant, AuditQuery query) override {
        JsonObject request;
        request.text_if_any("by", query.actor).text_if_any("subject", query.subject);
        request.text_if_any("action", query.action);
        request.time("since", query.since).time("until", query.until).number("limit", query.limit);
        if (query.before > 0) request.number("before", query.before);
        const Json found = co_await ask(database_, "list_audit", tenant, request.str());
        std::vector<AuditRow> rows;
        for (const auto& row : found.items()) rows.push_back(parse_audit(row));
        co_return rows;
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<PeopleStore> make_people_store(Database& database) {
    return std::make_unique<PostgresPeopleStore>(database);
}

}  // namespace relevo
