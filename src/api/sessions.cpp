#include <charconv>

#include "api/list.hpp"

namespace relevo {
namespace {

std::string json_of(const SessionRow& session) {
    JsonObject object;
    object.id("id", session.id).id("user", session.user).text("last4", session.last4);
    add_time(object, "created_at", session.created_at);
    add_time(object, "used_at", session.used_at);
    add_time(object, "expires_at", session.expires_at);
    add_time(object, "ended_at", session.ended_at);
    return object.str();
}

std::string place_of(const SessionRow& session) {
    return std::to_string(to_millis(session.created_at)) + ":" + session.id.to_string();
}

std::optional<SessionPlace> parse_place(const std::string& key) {
    const auto colon = key.find(':');
    if (colon == key.npos) return std::nullopt;
    std::int64_t millis = 0;
    std::from_chars(key.data(), key.data() + colon, millis);
    const auto id = SessionId::parse(std::string_view(key).substr(colon + 1));
    if (!id) return std::nullopt;
    return SessionPlace{from_millis(millis), *id};
}

Task<ApiResult> list(ApiCall& call) {
    std::optional<SessionPlace> after;
    if (call.after && !(after = parse_place(*call.after))) co_return bad_cursor();
    auto asked = call.stores.sessions().list(call.tenant(), UserId::parse(call.parameter("user")), after,
                                             call.limit() + 1);
    const auto rows = co_await std::move(asked);
    co_return page(call, rows, json_of, place_of);
}

Task<ApiResult> end(ApiCall& call) {
    const auto id = call.id<SessionId>("session");
    auto asked = call.stores.sessions().end(call.tenant(), id, call.now, call.actor());
    const auto outcome = co_await std::move(asked);
    if (outcome != PeopleStore::Outcome::done) co_return refusal(outcome, "Session", id.to_string());
    co_return Answer{.status = 204};
}

}  // namespace

void add_session_handlers(ApiHandlers& handlers) {
    handlers["list_sessions"] = list;
    handlers["end_session"] = end;
}

}  // namespace relevo
