#include "api/list.hpp"
#include "domain/reserved_category.hpp"

namespace relevo {
namespace {

std::string json_of(const CredentialLine& credential) {
    JsonObject object;
    object.text("category", credential.category).text("name", credential.name);
    object.text("last4", credential.ends_with).text("fingerprint", credential.fingerprint);
    object.flag("opens", credential.opens);
    add_time(object, "updated_at", credential.updated);
    return object.str();
}

// Neither holds a slash.
std::string place_of(const CredentialLine& credential) {
    return credential.category + "/" + credential.name;
}

std::string place_of(const ApiCall& call) {
    return std::string(call.parameter("category")) + "/" + std::string(call.parameter("name"));
}

Task<ApiResult> list(ApiCall& call) {
    auto asked = call.stores.credentials().list(call.tenant());
    auto rows = co_await std::move(asked);
    co_return page_of_all(
        call, std::move(rows), json_of, [](const CredentialLine& row) { return place_of(row); },
        std::less<>());
}

Task<ApiResult> read(ApiCall& call) {
    auto asked = call.stores.credentials().find(call.tenant(), std::string(call.parameter("category")),
                                                std::string(call.parameter("name")));
    const auto credential = co_await std::move(asked);
    if (!credential) co_return not_found("Credential", place_of(call));
    co_return Answer{.body = json_of(*credential)};
}

Task<ApiResult> put(ApiCall& call) {
    if (call.parameter("category") == reserved_category) co_return problem_of(reserved_error(), 422);
    auto asked = call.stores.credentials().put(call.tenant(), std::string(call.parameter("category")),
                                               std::string(call.parameter("name")),
                                               Secret(call.body.text("value")), call.actor());
    co_await std::move(asked);
    auto read_back = read(call);
    co_return co_await std::move(read_back);
}

Task<ApiResult> remove(ApiCall& call) {
    auto asked = call.stores.credentials().remove(call.tenant(), std::string(call.parameter("category")),
                                                  std::string(call.parameter("name")), call.actor());
    const bool was_there = co_await std::move(asked);
    if (!was_there) co_return not_found("Credential", place_of(call));
    co_return Answer{.status = 204};
}

}  // namespace

void add_credential_handlers(ApiHandlers& handlers) {
    handlers["list_credentials"] = list;
    handlers["read_credential"] = read;
    handlers["put_credential"] = put;
    handlers["remove_credential"] = remove;
}

}  // namespace relevo
