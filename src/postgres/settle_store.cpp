#include "core/json_object.hpp"
#include "postgres/accounts.hpp"
#include "postgres/json.hpp"
#include "postgres/stores.hpp"

namespace relevo {
namespace {

std::string_view name_of(ReceiptStatus status) {
    switch (status) {
        case ReceiptStatus::sent:
            return "sent";
        case ReceiptStatus::delivered:
            return "delivered";
        case ReceiptStatus::read:
            return "read";
        case ReceiptStatus::failed:
            break;
    }
    return "failed";
}

class PostgresSettleStore final : public SettleStore {
  public:
    explicit PostgresSettleStore(Database& database) : database_(database) {}

    Task<std::optional<Account>> find_account(std::string channel, std::string external_id,
                                              EndpointId scope) override {
        return relevo::find_account(database_, std::move(channel), std::move(external_id), scope,
                                    std::nullopt);
    }

    Task<Settled> settle(Account account, Receipt receipt, SysTime now) override {
        // what the provider brings back is foreign text until it proves to be an id
        const auto reply = ReplyId::parse(receipt.reply);
        std::string request = JsonObject()
                                  .id("account", account.id)
                                  .text("reply", reply ? reply->to_string() : "")
                                  .text("provider_id", receipt.provider_id)
                                  .text("status", name_of(receipt.status))
                                  .time("at", receipt.at)
                                  .text("code", receipt.code)
                                  .text("text", receipt.text)
                                  .time("now", now)
                                  .str();
        const std::string result = co_await database_.call("settle", account.tenant, std::move(request));
        const Json settled = Json::parse(result);
        const std::string state = settled.text("state");
        co_return Settled{state == "moved"   ? Settled::State::moved
                          : state == "stale" ? Settled::State::stale
                                             : Settled::State::not_ours,
                          settled.id<ConversationId>("conversation")};
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<SettleStore> make_settle_store(Database& database) {
    return std::make_unique<PostgresSettleStore>(database);
}

}  // namespace relevo
