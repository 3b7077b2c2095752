#include <algorithm>
#include <charconv>

#include "api/list.hpp"
#include "identity/access_secret.hpp"

namespace relevo {
namespace {

JsonObject object_of(const KeyRow& key) {
    JsonObject object;
    object.id("id", key.id)
        .text("name", key.name)
        .raw("scopes", json_texts(key.scopes))
        .text("last4", key.last4);
    if (key.owner) object.id("owner", *key.owner);
    add_time(object, "created_at", key.created_at);
    add_time(object, "last_used_at", key.last_used_at);
    add_time(object, "expires_at", key.expires_at);
    add_time(object, "revoked_at", key.revoked_at);
    return object;
}

std::string json_of(const KeyRow& key) {
    return object_of(key).str();
}

// Newest first, as texts compare: the time before the id, counted down from beyond any.
std::string place_of(const KeyRow& key) {
    std::string left = std::to_string(std::int64_t{9'999'999'999'999'999} - to_millis(key.created_at));
    return std::string(16 - std::min<std::size_t>(16, left.size()), '0') + left + key.id.to_string();
}

Task<std::optional<KeyRow>> find(ApiCall& call, ApiKeyId id) {
    auto asked = call.stores.people().keys(call.tenant());
    auto rows = co_await std::move(asked);
    const auto found = std::ranges::find(rows, id, &KeyRow::id);
    if (found == rows.end()) co_return std::nullopt;
    co_return std::move(*found);
}

Task<ApiResult> list(ApiCall& call) {
    auto asked = call.stores.people().keys(call.tenant());
    auto rows = co_await std::move(asked);
    co_return page_of_all(call, std::move(rows), json_of, place_of, std::less<>());
}

Task<ApiResult> read(ApiCall& call) {
    const auto id = call.id<ApiKeyId>("key");
    auto asked = find(call, id);
    const auto key = co_await std::move(asked);
    if (!key) co_return not_found("API key", id.to_string());
    co_return entity(json_of(*key));
}

Task<ApiResult> add(ApiCall& call) {
    const bool people = call.who->kind() == Principal::Kind::user || call.who->runs_installation();
    const auto scopes = Permissions::parse(call.body.texts("scopes"));
    if (!scopes) co_return bad_member("#/scopes", scopes.error().text);
    if (!people || !call.who->permissions().covers(*scopes)) {
        co_return Problem{
            403, "api.beyond_caller",
            "a key can do no more than who makes it, and only people make keys; choose among the "
            "permissions that you have yourself"};
    }
    std::optional<SysTime> expires_at;
    if (const auto expires = call.body.text_if_any("expires_at")) {
        expires_at = from_iso8601(*expires);
        if (!expires_at || *expires_at <= call.now)
            co_return bad_member("#/expires_at", "must be a moment that is still to come");
    }
    const auto id = call.new_id<ApiKeyId>();
    auto drawn = draw_key(id, call.body.text("name"), *scopes, expires_at, call.random);
    if (call.who->kind() == Principal::Kind::user) drawn.key.owner = UserId::parse(call.who->id());
    auto asked = call.stores.people().add_key(call.tenant(), std::move(drawn.key), call.now, call.actor());
    const auto outcome = co_await std::move(asked);
    const bool repeated = call.stores.repeated();
    if (outcome == PeopleStore::Outcome::taken) {
        co_return Problem{409, "api.taken",
                          "the Idempotency-Key made a key more than a day ago, whose secret was shown then; "
                          "send another one"};
    }
    if (outcome != PeopleStore::Outcome::done) co_return refusal(outcome, "User", call.who->id());
    auto read_back = find(call, id);
    const auto key = co_await std::move(read_back);
    if (!key) co_return not_found("API key", id.to_string());
    JsonObject body = object_of(*key);
    // another secret was drawn just now: the one that opens was shown before, and is stored nowhere
    if (!repeated) body.text("secret", drawn.shown.reveal());
    Answer answer{.status = 201, .body = body.str()};
    answer.headers.emplace_back("Location", "/v1/api-keys/" + id.to_string());
    co_return answer;
}

Task<ApiResult> revoke(ApiCall& call) {
    const auto id = call.id<ApiKeyId>("key");
    auto asked = call.stores.people().revoke_key(call.tenant(), id, call.now, call.actor());
    const auto outcome = co_await std::move(asked);
    if (outcome != PeopleStore::Outcome::done) co_return refusal(outcome, "API key", id.to_string());
    co_return Answer{.status = 204};
}

}  // namespace

void add_api_key_handlers(ApiHandlers& handlers) {
    handlers["list_api_keys"] = list;
    handlers["add_api_key"] = add;
    handlers["read_api_key"] = read;
    handlers["revoke_api_key"] = revoke;
}

}  // namespace relevo
