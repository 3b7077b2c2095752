#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "channels/meta_connect.hpp"
#include "core/json_object.hpp"
#include "core/random.hpp"
#include "fake_http.hpp"

namespace relevo::testing {

/// The process dies: nobody catches it.
struct Crash {};

/// Counts what can be cut off, and cuts off one of it.
struct Steps {
    int crash_at = -1;
    int taken = 0;
    void step() {
        if (taken++ == crash_at) throw Crash{};
    }
};

struct MetaClock final : Clock {
    SysTime now() const override { return time; }
    Task<void> sleep_until(SysTime) override { co_return; }
    SysTime time = from_millis(1'780'000'000'000);
};

inline HttpResponse graph_error(int status, int code, int subcode = 0) {
    const std::string error = JsonObject()
                                  .text("message", "Error validating access token EAAsecret")
                                  .text("type", "OAuthException")
                                  .number("code", code)
                                  .number("error_subcode", subcode)
                                  .str();
    return {.status = status, .body = JsonObject().raw("error", error).str(), .headers = {}};
}

/// As much of Meta as a connection asks: one user with a number and a page, and an Instagram account.
class FakeMeta final : public HttpClient {
  public:
    explicit FakeMeta(Steps& steps) : steps_(steps) {}

    Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall call, BodySink) override {
        steps_.step();  // dies before it left
        calls.push_back(call);
        if (away > 0) {
            --away;
            co_return HttpFault{Reached::maybe, "graph.facebook.com: timed out"};
        }
        HttpResponse answer = refusal ? *refusal : judge(call);
        steps_.step();  // dies, and Meta did it
        co_return answer;
    }

    std::vector<HttpCall> calls;
    int away = 0;                         // so many calls get no answer
    std::optional<HttpResponse> refusal;  // of everything
    std::set<std::string> codes{"good"};
    bool controls = true;  // the number
    bool known_pin = false;
    std::set<std::string> subscribed, registered;
    std::map<std::string, std::string> directed;  // by number: where its webhooks go
    int tokens = 0;

  private:
    HttpResponse judge(const HttpCall& call) {
        HttpRequest asked;
        asked.target = call.url;
        const std::string path = call.url.substr(0, call.url.find('?'));
        const auto ends = [&](std::string_view end) { return path.ends_with(end); };
        if (ends("/oauth/access_token") && asked.query("grant_type").empty()) {
            asked.target = call.body.empty() ? call.url : "/?" + call.body;
            if (codes.erase(asked.query("code")) == 0) return graph_error(400, 100, 36'009);
            return token("short", 3'600);
        }
        if (ends("/access_token") || ends("/refresh_access_token")) return token("long", 60 * 24 * 3'600);
        if (ends("/debug_token")) {
            const std::string ids = controls ? R"(["77"])" : "[]";
            return ok(R"({"data":{"is_valid":true,"app_id":"4242","granular_scopes":[{"scope":)"
                      R"("whatsapp_business_management","target_ids":)" +
                      ids + "}]}}");
        }
        if (ends("/phone_numbers")) return ok(R"({"data":[{"id":"1001","display_phone_number":"+54"}]})");
        if (ends("/me/accounts")) {
            return ok(R"({"data":[{"id":"555","name":"Ballet","tasks":["MANAGE","ANALYZE"]},)"
                      R"({"id":"556","name":"Another's","tasks":["ANALYZE","MESSAGING"]}]})");
        }
        if (ends("/me")) return ok(R"({"user_id":"333","username":"ballet"})");
        if (ends("/subscribed_apps")) {
            subscribed.insert(path + (call.body == "{}" ? "" : " " + call.body));
            return ok(R"({"success":true})");
        }
        if (call.body.starts_with(R"({"webhook_configuration")")) {
            directed[path] = call.body;
            return ok(R"({"success":true})");
        }
        if (ends("/register")) {
            if (known_pin) return graph_error(400, 133'005);
            registered.insert(path);
            return ok(R"({"success":true})");
        }
        return ok(R"({"id":"555","access_token":"page-token"})");
    }
    static HttpResponse ok(std::string body) {
        return {.status = 200, .body = std::move(body), .headers = {}};
    }
    HttpResponse token(const std::string& kind, int seconds) {
        return ok(JsonObject()
                      .text("access_token", kind + "-token-" + std::to_string(++tokens))
                      .number("expires_in", seconds)
                      .str());
    }

    Steps& steps_;
};

/// The rows in memory. Each change is whole or is not: the process dies before or after it.
class FakeMetaStore final : public MetaStore {
  public:
    explicit FakeMetaStore(Steps& steps) : steps_(steps) {}

    struct Row {
        MetaConnection connection;
        std::string state_hash, caller;
        std::optional<SysTime> due_at, leased_until;
        std::int64_t life = 0;
    };
    using Key = std::pair<TenantId, MetaConnectionId>;
    std::map<Key, Row> rows;
    std::map<std::pair<TenantId, std::string>, std::string> vault;  // by category/name
    std::map<AccountId, TenantId> taken;
    std::set<std::string> other_apps;  // channels where the shop has accounts that nobody claimed
    std::set<TenantId> sealed;         // shops whose vault does not open

    Task<void> begin(TenantId tenant, MetaConnectionId id, MetaKind kind, std::string state_hash,
                     std::string caller, SysTime now, SysTime open_until, Actor) override {
        steps_.step();
        Row& row = rows[{tenant, id}];
        row.connection.id = id;
        row.connection.kind = kind;
        row.connection.status = "started";
        row.connection.created_at = now;
        row.connection.open_until = open_until;
        row.state_hash = std::move(state_hash);
        row.caller = std::move(caller);
        steps_.step();
        co_return;
    }
    Task<bool> began(TenantId tenant, MetaConnectionId id, std::string state_hash,
                     std::string caller) override {
        const auto found = rows.find({tenant, id});
        co_return found != rows.end() && found->second.state_hash == state_hash &&
            found->second.caller == caller;
    }
    Task<std::optional<MetaConnection>> find(TenantId tenant, MetaConnectionId id) override {
        const auto found = rows.find({tenant, id});
        if (found == rows.end()) co_return std::nullopt;
        co_return found->second.connection;
    }
    Task<std::vector<MetaConnection>> list(TenantId tenant) override {
        std::vector<MetaConnection> all;
        for (const auto& [key, row] : rows) {
            if (key.first == tenant) all.push_back(row.connection);
        }
        co_return all;
    }
    Task<Secret> secret(TenantId tenant, std::string category, std::string name) override {
        if (sealed.contains(tenant))
            throw Failure({Fault::permanent, "vault.sealed_otherwise", "another key sealed it"});
        const auto found = vault.find({tenant, category + "/" + name});
        co_return found == vault.end() ? Secret() : Secret(found->second);
    }
    Task<std::optional<MetaLease>> lease(TenantId tenant, MetaConnectionId id, SysTime now,
                                         SysTime until) override {
        steps_.step();
        const auto found = rows.find({tenant, id});
        if (found == rows.end() || held(found->second, now) || !works(found->second)) co_return std::nullopt;
        co_return give(found->first, found->second, until);
    }
    Task<std::vector<MetaLease>> lease_due(SysTime now, SysTime until, int most) override {
        std::vector<MetaLease> leases;
        for (auto& [key, row] : rows) {
            const bool due = row.due_at && *row.due_at <= now && !held(row, now) && works(row);
            if (due && std::ssize(leases) < most) leases.push_back(give(key, row, until));
        }
        co_return leases;
    }
    Task<void> keep_code(TenantId tenant, MetaConnectionId id, MetaSecret token, SysTime now,
                         Actor) override {
        steps_.step();
        Row& row = rows.at({tenant, id});
        if (row.connection.status == "started") {
            row.connection.status = "exchanged";
            row.due_at = now;
            put(tenant, {std::move(token)});
        }
        steps_.step();
        co_return;
    }
    Task<bool> keep_token(MetaLease lease, std::vector<MetaSecret> tokens, std::optional<MetaSecret> forget,
                          SysTime expires_at, SysTime refresh_at) override {
        steps_.step();
        Row& row = rows.at({lease.tenant, lease.id});
        if (row.life != lease.life || !works(row)) co_return false;
        if (row.connection.status == "exchanged") replace_others(lease.tenant, row.connection);
        row.connection.status = "connected";
        row.connection.token_expires_at = expires_at;
        row.connection.refresh_at = refresh_at;
        row.connection.attempts = 0;
        put(lease.tenant, tokens);
        if (forget) vault.erase({lease.tenant, forget->category + "/" + forget->name});
        steps_.step();
        co_return true;
    }
    Task<Claim> claim(TenantId tenant, MetaConnectionId id, MetaAsset asset, std::vector<MetaSecret> secrets,
                      SysTime now, Actor) override {
        steps_.step();
        Row& row = rows.at({tenant, id});
        if (row.connection.status != "connected") co_return Claim::not_connected;
        const AccountId account = account_id(asset.channel, asset.external_id);
        if (taken.try_emplace(account, tenant).first->second != tenant) co_return Claim::taken;
        std::erase_if(row.connection.accounts, [&](const auto& known) { return known.id == account; });
        row.connection.accounts.push_back({account, asset, "claimed", "", ""});
        row.due_at = now;
        put(tenant, secrets);
        steps_.step();
        co_return Claim::done;
    }
    Task<void> keep_secrets(TenantId tenant, std::vector<MetaSecret> secrets) override {
        put(tenant, secrets);
        co_return;
    }
    Task<bool> rules(TenantId tenant, std::string channel) override {
        bool any = false;
        for (const auto& [key, row] : rows) {
            for (const auto& account : row.connection.accounts)
                any = any || (key.first == tenant && account.asset.channel == channel);
        }
        co_return any && !other_apps.contains(channel);
    }
    Task<std::string> address(TenantId, AccountId) override { co_return "0123456789abcdef"; }
    Task<bool> step(MetaLease lease, AccountId account, std::string step, std::string code,
                    std::string detail, SysTime) override {
        steps_.step();
        Row& row = rows.at({lease.tenant, lease.id});
        if (row.life != lease.life) co_return false;
        for (auto& known : row.connection.accounts) {
            if (known.id == account) known = {account, known.asset, step, code, detail};
        }
        steps_.step();
        co_return true;
    }
    Task<void> settle(MetaLease lease, std::optional<Error> error, std::optional<SysTime> retry_at,
                      MetaSecret forget) override {
        steps_.step();
        Row& row = rows.at({lease.tenant, lease.id});
        if (row.life != lease.life || !works(row)) co_return;
        MetaConnection& connection = row.connection;
        const bool refused = error && error->fault == Fault::permanent;
        const bool open = std::ranges::any_of(connection.accounts, [](const MetaAccount& account) {
            return account.step != "ready" && account.code.empty();
        });
        connection.code = error ? error->code : "";
        connection.detail = error ? error->text : "";
        connection.attempts = retry_at ? connection.attempts + 1 : 0;
        row.leased_until.reset();
        if (refused) {
            connection.status = "refused";
            vault.erase({lease.tenant, forget.category + "/" + forget.name});
            row.due_at.reset();
        } else if (retry_at) {
            row.due_at = retry_at;
        } else if (!open) {
            row.due_at = connection.refresh_at;
        }
        steps_.step();
    }

  private:
    static bool works(const Row& row) {
        return row.connection.status == "exchanged" || row.connection.status == "connected";
    }
    void replace_others(TenantId tenant, MetaConnection& by) {
        for (auto& [key, row] : rows) {
            MetaConnection& other = row.connection;
            if (key.first != tenant || other.id == by.id || other.kind != by.kind) continue;
            for (auto& account : other.accounts)
                by.accounts.push_back({account.id, account.asset, "claimed", "", ""});
            other.accounts.clear();
            if (other.status != "connected" && other.status != "refused") continue;
            other.status = "replaced";
            row.due_at.reset();
        }
    }
    static bool held(const Row& row, SysTime now) { return row.leased_until && *row.leased_until > now; }
    static MetaLease give(const Key& key, Row& row, SysTime until) {
        row.leased_until = until;
        return {key.first, key.second, ++row.life};
    }
    void put(TenantId tenant, const std::vector<MetaSecret>& secrets) {
        for (const auto& it : secrets) vault[{tenant, it.category + "/" + it.name}] = it.value.reveal();
    }

    Steps& steps_;
};

/// A shop that connects, and the worker that keeps what it connected.
struct MetaWorld {
    Steps steps;
    FakeMeta meta{steps};
    FakeMetaStore store{steps};
    MetaClock clock;
    SeededRandom random{7};
    MetaSettings settings = [] {
        MetaSettings made;
        made.facebook = {"4242", Secret("app secret")};
        made.instagram = {"4243", Secret("instagram secret")};
        made.redirect_uri = "https://relevo.example/connected";
        made.webhooks_url = "https://relevo.example";
        return made;
    }();
    MetaGraph graph{settings, meta};
    std::vector<std::string> told;
    MetaConnect connect{
        {settings, graph, store, clock, random, [this](std::string_view outcome, std::string_view code) {
             told.push_back(std::string(outcome) + " " + std::string(code));
         }}};
    const TenantId shop{1};

    Result<MetaStart> begin(MetaKind kind = MetaKind::facebook) {
        return run(connect.begin(shop, kind, "user:ana", {}));
    }
    static std::string state_of(const MetaStart& start) {
        HttpRequest asked;
        asked.target = start.authorize_url;
        return asked.query("state");
    }
    Result<MetaConnection> redeem(const MetaStart& start, const std::string& code = "good",
                                  const std::string& caller = "user:ana", const std::string& state = {}) {
        return run(connect.redeem(shop, start.id, caller, Secret(state.empty() ? state_of(start) : state),
                                  Secret(code), {}));
    }
    Result<MetaAccount> claim(const MetaStart& start, const std::string& channel = "whatsapp",
                              const std::string& id = "1001", TenantId tenant = {1}) {
        return run(connect.claim(tenant, start.id, {channel, id, {}}, {}));
    }
    MetaConnection look(const MetaStart& start) { return store.rows.at({shop, start.id}).connection; }
};

}  // namespace relevo::testing
