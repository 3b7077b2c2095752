#include "core/json_object.hpp"
#include "postgres/identity_stores.hpp"
#include "postgres/json.hpp"

namespace relevo {

Task<std::vector<OperatorLine>> list_operators(Database& database) {
    const Json found = Json::parse(co_await database.call("list_operators", TenantId{}, "{}"));
    std::vector<OperatorLine> lines;
    for (const auto& row : found.items()) {
        lines.push_back({row.text("id"), row.text("name"), row.text("issuer"), row.text("subject"),
                         row.flag("active"), row.time("created_at")});
    }
    co_return lines;
}

Task<std::string> add_operator(Database& database, std::string name, std::string issuer,
                               std::string subject) {
    std::string request =
        JsonObject().text("name", name).text("issuer", issuer).text("subject", subject).str();
    const std::string id = co_await database.call("add_operator", TenantId{}, std::move(request));
    co_return Json::parse(id).text();
}

Task<bool> end_operator(Database& database, std::string id) {
    if (!parse_uuid(id)) co_return false;
    std::string request = JsonObject().text("id", id).str();
    const std::string ended = co_await database.call("end_operator", TenantId{}, std::move(request));
    co_return Json::parse(ended).flag();
}

}  // namespace relevo
