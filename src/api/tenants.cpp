#include <charconv>

#include "api/list.hpp"
#include "domain/shop_rules.hpp"

namespace relevo {
namespace {

std::string json_of(const TenantRow& tenant) {
    JsonObject object;
    object.number("id", tenant.id.value).text("slug", tenant.slug).text("name", tenant.name);
    object.text("language", tenant.language).text("time_zone", tenant.time_zone);
    object.text("fallback_text", tenant.fallback_text).raw("redact", json_texts(names_of(tenant.redact)));
    object.raw("keep_days", tenant.keep_days ? std::to_string(*tenant.keep_days) : "null");
    object.raw("cors_origins", json_texts(tenant.cors_origins));
    add_time(object, "created_at", tenant.created_at);
    return object.str();
}

Task<ApiResult> list(ApiCall& call) {
    TenantId after;
    if (call.after) {
        const auto& key = *call.after;
        const auto read = std::from_chars(key.data(), key.data() + key.size(), after.value);
        if (read.ec != std::errc()) co_return bad_cursor();
    }
    auto asked = call.stores.tenants().list(after, call.limit() + 1);
    const auto rows = co_await std::move(asked);
    co_return page(call, rows, json_of, [](const TenantRow& tenant) { return tenant.id.to_string(); });
}

Task<ApiResult> read(ApiCall& call) {
    auto asked = call.stores.tenants().find(call.tenant());
    const auto tenant = co_await std::move(asked);
    if (!tenant) co_return not_found("Tenant", call.parameter("tenant"));
    co_return entity(json_of(*tenant));
}

Task<ApiResult> add(ApiCall& call) {
    NewTenant wanted;
    wanted.slug = call.body.text("slug");
    wanted.name = call.body.text("name");
    wanted.language = call.body.text_if_any("language").value_or(wanted.language);
    wanted.cors_origins = call.body.texts("cors_origins");
    auto asked = call.stores.tenants().add(std::move(wanted), call.actor());
    const auto id = co_await std::move(asked);
    if (!id) co_return refusal(PeopleStore::Outcome::taken, "The slug", "");
    auto read_back = call.stores.tenants().find(*id);
    const auto tenant = co_await std::move(read_back);
    if (!tenant) co_return not_found("Tenant", id->to_string());
    Answer answer = entity(json_of(*tenant), 201);
    answer.headers.emplace_back("Location", "/v1/tenants/" + id->to_string());
    co_return answer;
}

TenantChange stated_change(const SentJson& body) {
    TenantChange wanted;
    wanted.name = body.text_if_any("name");
    wanted.language = body.text_if_any("language");
    wanted.time_zone = body.text_if_any("time_zone");
    wanted.fallback_text = body.text_if_any("fallback_text");
    if (const auto names = body.texts_if_any("redact")) wanted.redact = kinds_of(*names);
    if (body.null("keep_days")) wanted.keep_days.emplace();
    if (const auto days = body.whole_if_any("keep_days")) wanted.keep_days = static_cast<int>(*days);
    wanted.cors_origins = body.texts_if_any("cors_origins");
    return wanted;
}

Task<ApiResult> change(ApiCall& call) {
    call.stores.hold();
    auto asked = call.stores.tenants().find(call.tenant());
    const auto before = co_await std::move(asked);
    if (!before) co_return not_found("Tenant", call.parameter("tenant"));
    if (auto problem = check_if_match(call, json_of(*before))) co_return std::move(*problem);
    auto changed = call.stores.tenants().change(call.tenant(), stated_change(call.body), call.actor());
    const auto outcome = co_await std::move(changed);
    if (outcome == TenantStore::Changed::unknown_time_zone)
        co_return bad_member("#/time_zone", std::string(no_such_time_zone));
    auto answered = read(call);
    co_return co_await std::move(answered);
}

}  // namespace

void add_tenant_handlers(ApiHandlers& handlers) {
    handlers["list_tenants"] = list;
    handlers["add_tenant"] = add;
    handlers["read_tenant"] = read;
    handlers["change_tenant"] = change;
}

}  // namespace relevo
