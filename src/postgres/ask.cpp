#include "postgres/ask.hpp"

#include <utility>

namespace relevo {

Task<Json> ask(Database& database, std::string op, TenantId tenant, std::string request) {
    auto asked = database.call(std::move(op), tenant, std::move(request));
    co_return Json::parse(co_await std::move(asked));
}

}  // namespace relevo
