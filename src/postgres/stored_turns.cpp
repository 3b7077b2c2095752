#include "postgres/stored_turns.hpp"

#include "core/json_object.hpp"
#include "postgres/inference.hpp"
#include "postgres/json.hpp"

namespace relevo {
namespace {

Task<Cost> turn_cost(Database& database, TenantId tenant, TurnId turn) {
    std::string request = JsonObject().id("turn", turn).str();
    const std::string result = co_await database.call("turn_cost", tenant, std::move(request));
    Cost cost;
    for (const auto& row : Json::parse(result).items()) {
        if (const auto currency = row.text("currency"); !currency.empty())
            cost.micros[currency] = row.number("cost");
        cost.unpriced += row.number("unpriced");
    }
    co_return cost;
}

}  // namespace

Task<Cost> price_call(Database& database, PlannedCall call, Usage usage, SysTime now) {
    Cost cost;
    if (call.free) co_return cost;
    std::string request = JsonObject()
                              .text("provider", call.provider)
                              .text("base_url", call.base_url)
                              .text("model", call.model)
                              .number("input", usage.input_tokens)
                              .number("cached", usage.cached_tokens)
                              .number("output", usage.output_tokens)
                              .time("now", now)
                              .str();
    const std::string result = co_await database.call("price_tokens", TenantId{}, std::move(request));
    const Json priced = Json::parse(result);
    if (priced.null()) {
        cost.unpriced = 1;
    } else {
        cost.micros[priced.text("currency")] = priced.number("cost");
    }
    co_return cost;
}

Task<std::vector<std::pair<TenantId, TurnId>>> find_stored_turns(Database& database, TurnReplay replay) {
    JsonObject request;
    request.number("last", replay.last).text_if_any("shop", replay.shop);
    if (replay.conversation) request.id("conversation", *replay.conversation);
    const std::string result = co_await database.call("stored_turns", TenantId{}, request.str());
    std::vector<std::pair<TenantId, TurnId>> out;
    for (const auto& row : Json::parse(result).items()) {
        out.emplace_back(TenantId{row.number("tenant")}, row.id<TurnId>("turn"));
    }
    co_return out;
}

Task<StoredTurn> load_stored_turn(Database& database, TenantId tenant, TurnId turn,
                                  std::optional<int> agent_version) {
    JsonObject request;
    request.id("turn", turn);
    if (agent_version) request.number("agent_version", *agent_version);
    const std::string result = co_await database.call("stored_turn", tenant, request.str());
    const Json row = Json::parse(result);
    if (row.null()) {
        throw Failure({Fault::permanent, "replay.unknown_version",
                       "the agent of turn " + turn.to_string() + " has no version " +
                           (agent_version ? std::to_string(*agent_version) : "that was kept")});
    }
    StoredTurn out{tenant,
                   row.text("slug"),
                   turn,
                   row.id<ConversationId>("conversation"),
                   row.time("created"),
                   static_cast<int>(row.number("agent_version")),
                   parse_inference(result),
                   {},
                   {}};
    for (const auto& step : row["steps"].items()) out.steps.push_back(parse_completion(step));
    for (const auto& use : row["tools"].items()) {
        out.tools.push_back({use.text("tool"), use["arguments"].source(),
                             use["result"].null() ? "" : use["result"].source(), use.text("status")});
    }
    out.cost = co_await turn_cost(database, tenant, turn);
    co_return out;
}

}  // namespace relevo
