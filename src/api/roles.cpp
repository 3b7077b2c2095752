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

Problem built_in(std::string_view name) {
    return {409, "api.built_in",
            "the role " + std::string(name) +
                " is built in: every shop has it, nobody changes or deletes it; make one of another name"};
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

Task<ApiResult> put(ApiCall& call) {
    const auto permissions = Permissions::parse(call.body.texts("permissions"));
    if (!permissions) co_return bad_member("#/permissions", permissions.error().text);
    call.stores.hold();
    auto asked = find(call);
    const auto before = co_await std::move(asked);
    const std::string name(call.parameter("role"));
    if (before && before->built_in) co_return built_in(name);
    std::optional<std::string> base;
    if (before) base = json_of(*before);
    if (auto problem = check_base(call, base, "Role", name)) co_return std::move(*problem);
    auto changed = call.stores.people().put_role(call.tenant(), name, *permissions, call.actor());
    const auto outcome = co_await std::move(changed);
    if (outcome == PeopleStore::Outcome::taken) co_return built_in(name);
    if (outcome != PeopleStore::Outcome::done) co_return refusal(outcome, "Role", name);
    auto read_back = find(call);
    const auto after = co_await std::move(read_back);
    if (!after) co_return none(call);
    co_return entity(json_of(*after));
}

Task<ApiResult> remove(ApiCall& call) {
    const std::string name(call.parameter("role"));
    auto looked = find(call);
    const auto role = co_await std::move(looked);
    if (role && role->built_in) co_return built_in(name);
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
