#include "api/admission.hpp"
#include "api/list.hpp"
#include "domain/meta.hpp"

namespace relevo {
namespace {

std::string json_of(const MetaAsset& asset) {
    return JsonObject()
        .text("channel", asset.channel)
        .text("external_id", asset.external_id)
        .text("owner", asset.owner)
        .text("name", asset.name)
        .str();
}

std::string json_of(const MetaAccount& account) {
    return JsonObject()
        .id("id", account.id)
        .text("channel", account.asset.channel)
        .text("external_id", account.asset.external_id)
        .text("name", account.asset.name)
        .text("step", account.step)
        .text_if_any("code", account.code)
        .text_if_any("detail", account.detail)
        .str();
}

std::string json_of(const MetaConnection& connection) {
    std::vector<std::string> accounts;
    for (const auto& account : connection.accounts) accounts.push_back(json_of(account));
    JsonObject object;
    object.id("id", connection.id).text("kind", name_of(connection.kind)).text("status", connection.status);
    object.text_if_any("code", connection.code).text_if_any("detail", connection.detail);
    add_time(object, "created_at", connection.created_at);
    add_time(object, "token_expires_at", connection.token_expires_at);
    add_time(object, "refresh_at", connection.refresh_at);
    object.raw("accounts", json_array(accounts));
    return object.str();
}

Problem problem_of_meta(const Error& error, const std::string& id) {
    if (error.code == "meta.unknown_connection") return not_found("Connection", id);
    return problem_of(error, error.code == "meta.foreign_state" ? 403 : 409);
}

// Who began a connection ends it, in the session that they began it in: else a page that lures somebody to
// the redirect address would connect its own account to their shop.
std::string session_of(const ApiCall& call) {
    std::string caller = caller_of(*call.who);
    if (const auto session = call.who->session()) caller += ":" + session->to_string();
    return caller;
}

ApiHandler list(MetaConnections& meta) {
    return [&meta](ApiCall& call) -> Task<ApiResult> {
        auto asked = meta.list(call.tenant());
        auto rows = co_await std::move(asked);
        co_return page_of_all(
            call, std::move(rows), [](const MetaConnection& row) { return json_of(row); },
            [](const MetaConnection& row) { return row.id.to_string(); }, std::less<>());
    };
}

ApiHandler begin(MetaConnections& meta) {
    return [&meta](ApiCall& call) -> Task<ApiResult> {
        const auto kind = meta_kind(call.body.text("kind")).value_or(MetaKind::facebook);
        auto asked = meta.begin(call.tenant(), kind, session_of(call), call.actor());
        const auto begun = co_await std::move(asked);
        if (!begun) co_return problem_of_meta(begun.error(), {});
        JsonObject body;
        body.id("id", begun->id).text("authorize_url", begun->authorize_url);
        add_time(body, "open_until", begun->open_until);
        Answer answer{.status = 201, .body = body.str()};
        answer.headers.emplace_back("Location", "/v1/meta-connections/" + begun->id.to_string());
        co_return answer;
    };
}

ApiHandler read(MetaConnections& meta) {
    return [&meta](ApiCall& call) -> Task<ApiResult> {
        const auto id = call.id<MetaConnectionId>("connection");
        auto asked = meta.find(call.tenant(), id);
        const auto connection = co_await std::move(asked);
        if (!connection) co_return not_found("Connection", id.to_string());
        co_return Answer{.body = json_of(*connection)};
    };
}

ApiHandler redeem(MetaConnections& meta) {
    return [&meta](ApiCall& call) -> Task<ApiResult> {
        const auto id = call.id<MetaConnectionId>("connection");
        auto asked = meta.redeem(call.tenant(), id, session_of(call), Secret(call.body.text("state")),
                                 Secret(call.body.text("code")), call.actor());
        const auto connection = co_await std::move(asked);
        if (!connection) co_return problem_of_meta(connection.error(), id.to_string());
        co_return Answer{.body = json_of(*connection)};
    };
}

ApiHandler list_assets(MetaConnections& meta) {
    return [&meta](ApiCall& call) -> Task<ApiResult> {
        const auto id = call.id<MetaConnectionId>("connection");
        auto asked = meta.assets(call.tenant(), id);
        const auto assets = co_await std::move(asked);
        if (!assets) co_return problem_of_meta(assets.error(), id.to_string());
        std::vector<std::string> items;
        for (const auto& asset : *assets) items.push_back(json_of(asset));
        co_return Answer{.body = JsonObject().raw("items", json_array(items)).str()};
    };
}

ApiHandler claim(MetaConnections& meta) {
    return [&meta](ApiCall& call) -> Task<ApiResult> {
        const auto id = call.id<MetaConnectionId>("connection");
        MetaChoice choice{call.body.text("channel"), call.body.text("external_id"),
                          Secret(call.body.text("pin"))};
        auto asked = meta.claim(call.tenant(), id, std::move(choice), call.actor());
        const auto account = co_await std::move(asked);
        if (!account) co_return problem_of_meta(account.error(), id.to_string());
        co_return Answer{.status = 201, .body = json_of(*account)};
    };
}

}  // namespace

void add_meta_handlers(ApiHandlers& handlers, MetaConnections& meta) {
    handlers["list_meta_connections"] = list(meta);
    handlers["begin_meta_connection"] = begin(meta);
    handlers["read_meta_connection"] = read(meta);
    handlers["redeem_meta_code"] = redeem(meta);
    handlers["list_meta_assets"] = list_assets(meta);
    handlers["claim_meta_account"] = claim(meta);
}

}  // namespace relevo
