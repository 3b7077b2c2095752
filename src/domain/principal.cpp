#include "domain/principal.hpp"

#include <array>

namespace relevo {
namespace {

Permissions of_service() {
    static const std::array<std::string, 4> names{"channels.read", "channels.write", "conversations.read",
                                                  "conversations.reply"};
    return Permissions::known(names);
}

}  // namespace

Principal Principal::user(TenantId tenant, UserId id, std::string name, Permissions permissions,
                          std::optional<SessionId> session) {
    Principal principal(Kind::user, tenant, id.to_string(), std::move(name), permissions);
    principal.session_ = session;
    return principal;
}

Principal Principal::api_key(TenantId tenant, ApiKeyId id, std::string name, Permissions scopes,
                             Permissions owner) {
    return {Kind::api_key, tenant, id.to_string(), std::move(name), scopes & owner};
}

Principal Principal::platform_operator(std::string id, std::string name) {
    return {Kind::installation, std::nullopt, std::move(id), std::move(name),
            Permissions::all().without(Module::conversations)};
}

Principal Principal::service() {
    return {Kind::service, std::nullopt, "internal", "a service of the installation", of_service()};
}

bool Principal::allows(Module module, Action action) const {
    return tenant_ && permissions_.allows(module, action);
}

std::optional<Principal> Principal::within(TenantId tenant) const {
    const bool belongs_to_one = kind_ == Kind::user || kind_ == Kind::api_key;
    if (belongs_to_one && tenant_ != tenant) return std::nullopt;
    Principal chosen = *this;
    chosen.tenant_ = tenant;
    return chosen;
}

std::string_view name_of(Principal::Kind kind) {
    switch (kind) {
        case Principal::Kind::user:
            return "user";
        case Principal::Kind::api_key:
            return "api_key";
        case Principal::Kind::installation:
            return "operator";
        case Principal::Kind::service:
            return "service";
    }
    return "service";
}

}  // namespace relevo
