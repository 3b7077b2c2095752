#include "core/json_object.hpp"
#include "postgres/json.hpp"
#include "postgres/stores.hpp"

namespace relevo {
namespace {

std::string ids_json(const std::vector<MessageId>& messages) {
    std::vector<std::string> ids;
    for (const auto& message : messages) ids.push_back(json_text(message.to_string()));
    return json_array(ids);
}

class PostgresBufferStore final : public BufferStore {
  public:
    explicit PostgresBufferStore(Database& database) : database_(database) {}

    Task<TurnClaim> claim_turn(TenantId tenant, ConversationId conversation, std::vector<MessageId> messages,
                               SysTime now, int max_open_turns) override {
        std::string request = JsonObject()
                                  .id("conversation", conversation)
                                  .raw("messages", ids_json(messages))
                                  .time("now", now)
                                  .number("max_open", max_open_turns)
                                  .str();
        const std::string result = co_await database_.call("claim_turn", tenant, std::move(request));
        const Json claim = Json::parse(result);
        const std::string state = claim.text("state");
        if (state == "claimed") co_return TurnClaim{TurnClaim::State::claimed, claim.id<TurnId>("turn")};
        co_return TurnClaim{state == "too_many" ? TurnClaim::State::too_many : TurnClaim::State::none, {}};
    }

    Task<void> expire(TenantId tenant, ConversationId conversation, std::vector<MessageId> messages,
                      SysTime now) override {
        std::string request = JsonObject()
                                  .id("conversation", conversation)
                                  .raw("messages", ids_json(messages))
                                  .time("now", now)
                                  .str();
        co_await database_.call("expire_messages", tenant, std::move(request));
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<BufferStore> make_buffer_store(Database& database) {
    return std::make_unique<PostgresBufferStore>(database);
}

}  // namespace relevo
