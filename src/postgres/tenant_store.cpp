#include "postgres/tenant_store.hpp"

#include "core/json_object.hpp"
#include "domain/shop_rules.hpp"
#include "postgres/actor_json.hpp"
#include "postgres/ask.hpp"
#include "postgres/request_stores.hpp"

namespace relevo {
namespace {

TenantRow parse_tenant(const Json& json) {
    TenantRow row;
    row.id = {json.number("id")};
    row.slug = json.text("slug");
    row.name = json.text("name");
    row.language = json.text("language");
    row.cors_origins = json["cors_origins"].texts();
    row.created_at = json.time("created_at");
    row.time_zone = json.text("time_zone");
    row.fallback_text = json.text("fallback_text");
    row.redact = kinds_of(json["redact"].texts());
    if (!json["keep_days"].null()) row.keep_days = static_cast<int>(json.number("keep_days"));
    return row;
}

class PostgresTenantStore final : public TenantStore {
  public:
    explicit PostgresTenantStore(Database& database) : database_(database) {}

    Task<std::optional<TenantRow>> find(TenantId tenant) override {
        const Json found = co_await ask(database_, "get_tenant", tenant, "{}");
        if (found.null()) co_return std::nullopt;
        co_return parse_tenant(found);
    }

    Task<std::vector<TenantRow>> list(TenantId after, int limit) override {
        std::string request = JsonObject().number("after", after.value).number("limit", limit).str();
        const Json found = co_await ask(database_, "list_tenant_page", TenantId{}, std::move(request));
        std::vector<TenantRow> rows;
        for (const auto& tenant : found.items()) rows.push_back(parse_tenant(tenant));
        co_return rows;
    }

    Task<std::optional<TenantId>> add(NewTenant tenant, Actor actor) override {
        std::string request = JsonObject()
                                  .raw("actor", actor_json(actor))
                                  .text("slug", tenant.slug)
                                  .text("name", tenant.name)
                                  .text("language", tenant.language)
                                  .raw("cors_origins", json_texts(tenant.cors_origins))
                                  .str();
        const Json made = co_await ask(database_, "add_tenant", TenantId{}, std::move(request));
        if (made.null()) co_return std::nullopt;
        co_return TenantId{made.number()};
    }

    Task<Changed> change(TenantId tenant, TenantChange change, Actor actor) override {
        JsonObject request;
        request.raw("actor", actor_json(actor));
        auto done = change_tenant(database_, tenant, std::move(change), std::move(request));
        co_return co_await std::move(done);
    }

    Task<bool> allows_origin(std::optional<TenantId> tenant, std::string origin) override {
        std::string request = JsonObject().text("origin", origin).str();
        const Json allowed =
            co_await ask(database_, "get_origin", tenant.value_or(TenantId{}), std::move(request));
        co_return allowed.flag();
    }

  private:
    Database& database_;
};

}  // namespace

Task<TenantStore::Changed> change_tenant(Database& database, TenantId tenant, TenantChange change,
                                         JsonObject request) {
    if (change.name) request.text("name", *change.name);
    if (change.language) request.text("language", *change.language);
    if (change.cors_origins) request.raw("cors_origins", json_texts(*change.cors_origins));
    if (change.time_zone) request.text("time_zone", *change.time_zone);
    if (change.fallback_text) request.text("fallback_text", *change.fallback_text);
    if (change.redact) request.raw("redact", json_texts(names_of(*change.redact)));
    if (change.keep_days) {
        request.raw("keep_days", *change.keep_days ? std::to_string(**change.keep_days) : "null");
    }
    const Json changed = co_await ask(database, "change_tenant", tenant, request.str());
    if (changed.text() == "unknown_time_zone") co_return TenantStore::Changed::unknown_time_zone;
    co_return changed.flag() ? TenantStore::Changed::done : TenantStore::Changed::not_found;
}

std::unique_ptr<TenantStore> make_tenant_store(Database& database) {
    return std::make_unique<PostgresTenantStore>(database);
}

}  // namespace relevo
