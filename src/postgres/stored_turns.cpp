#include "postgres/stored_turns.hpp"

#include "core/json_object.hpp"
#include "postgres/inference.hpp"
#include "postgres/json.hpp"

namespace relevo {

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
    co_return out;
}

}  // namespace relevo
