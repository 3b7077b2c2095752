#include "api/list.hpp"

namespace relevo {
namespace {

std::string json_of(const UserRow& user) {
    JsonObject object;
    object.id("id", user.id).text("email", user.email).text("name", user.name).text("status", user.status);
    object.raw("roles", json_texts(user.roles));
    add_time(object, "created_at", user.created_at);
    return object.str();
}

// The id after which a page begins with this one.
std::optional<UserId> just_before(UserId id) {
    for (auto byte = id.bytes.rbegin(); byte != id.bytes.rend(); ++byte) {
        if ((*byte)-- != 0) return id;
    }
    return std::nullopt;  // it is the first of all
}

Task<std::optional<UserRow>> find(ApiCall& call, UserId id) {
    auto asked = call.stores.people().users(call.tenant(), just_before(id), 1);
    auto found = co_await std::move(asked);
    if (found.empty() || found.front().id != id) co_return std::nullopt;
    co_return std::move(found.front());
}

Task<ApiResult> list(ApiCall& call) {
    std::optional<UserId> after;
    if (call.after && !(after = UserId::parse(*call.after))) co_return bad_cursor();
    auto asked = call.stores.people().users(call.tenant(), after, call.limit() + 1);
    const auto rows = co_await std::move(asked);
    co_return page(call, rows, json_of, [](const UserRow& user) { return user.id.to_string(); });
}

Task<ApiResult> read(ApiCall& call) {
    const auto id = call.id<UserId>("user");
    auto asked = find(call, id);
    const auto user = co_await std::move(asked);
    if (!user) co_return not_found("User", id.to_string());
    co_return entity(json_of(*user));
}

Task<ApiResult> add(ApiCall& call) {
    NewUser wanted{call.new_id<UserId>(), call.body.text("email"), call.body.text("name"),
                   call.body.texts("roles")};
    const UserId id = wanted.id;
    auto asked = call.stores.people().add_user(call.tenant(), std::move(wanted), call.actor());
    const auto outcome = co_await std::move(asked);
    if (outcome != PeopleStore::Outcome::done) co_return refusal(outcome, "The e-mail address", "");
    auto read_back = find(call, id);
    const auto user = co_await std::move(read_back);
    if (!user) co_return not_found("User", id.to_string());
    Answer answer = entity(json_of(*user), 201);
    answer.headers.emplace_back("Location", "/v1/users/" + id.to_string());
    co_return answer;
}

Task<ApiResult> change(ApiCall& call) {
    const auto id = call.id<UserId>("user");
    call.stores.hold();
    auto asked = find(call, id);
    const auto before = co_await std::move(asked);
    if (!before) co_return not_found("User", id.to_string());
    if (auto problem = check_if_match(call, json_of(*before))) co_return std::move(*problem);
    UserChange wanted;
    wanted.email = call.body.text_if_any("email");
    wanted.name = call.body.text_if_any("name");
    wanted.active = call.body.flag_if_any("active");
    wanted.roles = call.body.texts_if_any("roles");
    auto changed = call.stores.people().change_user(call.tenant(), id, std::move(wanted), call.actor());
    const auto outcome = co_await std::move(changed);
    if (outcome == PeopleStore::Outcome::taken) co_return refusal(outcome, "The e-mail address", "");
    if (outcome != PeopleStore::Outcome::done) co_return refusal(outcome, "User", id.to_string());
    auto read_back = find(call, id);
    const auto after = co_await std::move(read_back);
    if (!after) co_return not_found("User", id.to_string());
    co_return entity(json_of(*after));
}

Task<ApiResult> invite(ApiCall& call) {
    const auto id = call.id<UserId>("user");
    auto asked = call.identity.issue_ticket(*call.who, id, call.trace);
    const auto ticket = co_await std::move(asked);
    if (!ticket) {
        if (ticket.error().code == "identity.no_user") co_return not_found("User", id.to_string());
        co_return problem_of(ticket.error(), 403);
    }
    co_return Answer{.status = 201, .body = JsonObject().text("ticket", ticket->reveal()).str()};
}

Task<ApiResult> end_sessions(ApiCall& call) {
    const auto id = call.id<UserId>("user");
    auto asked = call.stores.people().end_sessions(call.tenant(), id, call.now, call.actor());
    const auto outcome = co_await std::move(asked);
    if (outcome != PeopleStore::Outcome::done) co_return refusal(outcome, "User", id.to_string());
    co_return Answer{.status = 204};
}

}  // namespace

void add_user_handlers(ApiHandlers& handlers) {
    handlers["list_users"] = list;
    handlers["add_user"] = add;
    handlers["read_user"] = read;
    handlers["change_user"] = change;
    handlers["invite_user"] = invite;
    handlers["end_sessions"] = end_sessions;
}

}  // namespace relevo
