#include <algorithm>

#include "api/list.hpp"

namespace relevo {
namespace {

std::string json_of(const RoleRow& role) {
    return JsonObject()
        .text("name", role.name)
        .flag("built_in", role.built_in)
        .raw("permissions", json_texts(role.permissions.names()))
        .str();
}

Task<std::optional<RoleRow>> find(ApiCall& call) {
    auto asked = call.stores.people().roles(call.tenant());
    auto rows = co_await std::move(asked);
    const auto found = std::ranges::find(rows, call.parameter("role"), &RoleRow::name);
    if (found == rows.end()) co_return std::nullopt;
    co_return std::move(*found);
}

Problem none(const ApiCall& call) {
    return not_found("Role", call.parameter("role"));
}

Task<ApiResult> list(ApiCall& call) {
    auto asked = call.stores.people().roles(call.tenant());
    auto rows = co_await std::move(asked);
    co_return page_of_all(
        call, std::move(rows), json_of, [](const RoleRow& role) { return role.name; }, std::less<>());
}

Task<ApiResult> read(ApiCall& call) {
    auto asked = find(call);
    const auto role = co_await std::move(asked);
    if (!role) co_return none(call);
    co_return entity(json_of(*role));
}

// Whether what is there is what the call is based on.
std::optional<Problem> check_base(const ApiCall& call, const std::optional<RoleRow>& role) {
    if (call.parameter("If-None-Match").empty()) {
        if (role) return check_if_match(call, json_of(*role));
        if (call.parameter("If-Match").empty()) return check_if_match(call, "");
        return none(call);
    }
    if (!role) return std::nullopt;
    return Problem{412, "api.changed",
                   "there is such a role already; read it, and send its ETag as If-Match"};
}

Task<ApiResult> put(ApiCall& call) {
    const auto permissions = Permissions::parse(call.body.texts("permissions"));
    if (!permissions) co_return bad_member("#/permissions", permissions.error().text);
    call.stores.hold();
    auto asked = find(call);
    const auto before = co_await std::move(asked);
    if (auto problem = check_base(call, before)) co_return std::move(*problem);
    const std::string name(call.parameter("role"));
    auto changed = call.stores.people().put_role(call.tenant(), name, *permissions, call.actor());
    const auto outcome = co_await std::move(changed);
    if (outcome == PeopleStore::Outcome::taken) {
        co_return Problem{409, "api.built_in", "a built-in role cannot be changed; make one of another name"};
    }
    if (outcome != PeopleStore::Outcome::done) co_return refusal(outcome, "Role", name);
    auto read_back = find(call);
    const auto after = co_await std::move(read_back);
    if (!after) co_return none(call);
    co_return entity(json_of(*after));
}

Task<ApiResult> remove(ApiCall& call) {
    const std::string name(call.parameter("role"));
    auto asked = call.stores.people().remove_role(call.tenant(), name, call.actor());
    const auto outcome = co_await std::move(asked);
    if (outcome == PeopleStore::Outcome::taken) {
        co_return Problem{409, "api.in_use", "somebody has this role; give them another one first"};
    }
    if (outcome != PeopleStore::Outcome::done) co_return refusal(outcome, "Role", name);
    co_return Answer{.status = 204};
}

}  // namespace

void add_role_handlers(ApiHandlers& handlers) {
    handlers["list_roles"] = list;
    handlers["read_role"] = read;
    handlers["put_role"] = put;
    handlers["remove_role"] = remove;
}

}  // namespace relevo
