#include "postgres/accounts.hpp"

#include "core/json_object.hpp"
#include "postgres/json.hpp"

namespace relevo {
namespace {

std::optional<Account> parse_account(const std::string& result) {
    const Json found = Json::parse(result);
    if (found.null()) return std::nullopt;
    Account account;
    account.tenant = {found.number("tenant")};
    account.id = found.id<AccountId>("id");
    account.channel = found.text("channel");
    account.external_id = found.text("external_id");
    account.endpoint = {found.number("endpoint")};
    account.window = {Millis{found.number("quiet_ms")}, Millis{found.number("max_wait_ms")},
                      static_cast<std::size_t>(found.number("max_messages"))};
    for (const auto& other : found["others"].items()) account.others.push_back({other.number()});
    account.retired = found.flag("retired");
    return account;
}

}  // namespace

Task<std::optional<Account>> find_account(Database& database, std::string channel, std::string external_id,
                                          EndpointId scope, std::optional<SysTime> written) {
    JsonObject request;
    request.text("channel", channel).text("external_id", external_id).number("scope", scope.value);
    if (written) {
        request.time("at", *written);
    } else {
        request.flag("receipt", true);
    }
    // no tenant yet: this is what tells it
    const std::string result = co_await database.call("find_account", TenantId{}, request.str());
    co_return parse_account(result);
}

Task<std::optional<Account>> find_owner(Database& database, std::string channel, EndpointId scope) {
    std::string request = JsonObject().text("channel", channel).number("scope", scope.value).str();
    const std::string result = co_await database.call("find_owner", TenantId{}, std::move(request));
    co_return parse_account(result);
}

std::string alias_json(const Alias& alias) {
    return JsonObject().text("kind", alias.kind).text("value", alias.value).str();
}

std::vector<ReplyId> parse_replies(const std::string& result) {
    std::vector<ReplyId> replies;
    for (const auto& id : Json::parse(result)["replies"].items()) {
        replies.push_back(ReplyId::parse(id.text()).value_or(ReplyId{}));
    }
    return replies;
}

Task<std::vector<ReplyId>> fail_turn(Database& database, TenantId tenant, TurnId turn, std::string code,
                                     SysTime now) {
    std::string request = JsonObject()
                              .id("turn", turn)
                              .id("fallback", agent_reply_id(turn, 0))
                              .text("code", code)
                              .time("now", now)
                              .str();
    const std::string result = co_await database.call("fail_turn", tenant, std::move(request));
    co_return parse_replies(result);
}

Task<void> drop_turn(Database& database, TenantId tenant, TurnId turn, std::string reason, SysTime now) {
    std::string request = JsonObject().id("turn", turn).text("reason", reason).time("now", now).str();
    co_await database.call("drop_turn", tenant, std::move(request));
}

}  // namespace relevo
