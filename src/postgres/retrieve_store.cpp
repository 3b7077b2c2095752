#include "core/json_object.hpp"
#include "postgres/accounts.hpp"
#include "postgres/json.hpp"
#include "postgres/passages.hpp"
#include "postgres/stores.hpp"

namespace relevo {
namespace {

class PostgresRetrieveStore final : public RetrieveStore {
  public:
    explicit PostgresRetrieveStore(Database& database) : database_(database) {}

    Task<TurnText> turn_text(TenantId tenant, TurnId turn) override {
        const std::string result =
            co_await database_.call("turn_text", tenant, JsonObject().id("turn", turn).str());
        const Json found = Json::parse(result);
        const std::string state = found.text("state");
        const auto parsed = state == "live"   ? TurnText::State::live
                            : state == "over" ? TurnText::State::over
                                              : TurnText::State::erased;
        co_return TurnText{parsed, found.text("text")};
    }

    Task<std::vector<Passage>> search(TenantId tenant, std::string text, int limit) override {
        std::string request = JsonObject().text("text", text).number("limit", limit).str();
        const std::string result = co_await database_.call("search", tenant, std::move(request));
        co_return parse_passages(Json::parse(result));
    }

    Task<void> freeze_step(TenantId tenant, TurnId turn, std::vector<Passage> passages,
                           SysTime now) override {
        std::string request =
            JsonObject().id("turn", turn).raw("passages", passages_json(passages)).time("now", now).str();
        co_await database_.call("freeze_step", tenant, std::move(request));
    }

    Task<std::vector<ReplyId>> fail_turn(TenantId tenant, TurnId turn, std::string code,
                                         SysTime now) override {
        return relevo::fail_turn(database_, tenant, turn, std::move(code), now);
    }

    Task<void> drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime now) override {
        return relevo::drop_turn(database_, tenant, turn, std::move(reason), now);
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<RetrieveStore> make_retrieve_store(Database& database) {
    return std::make_unique<PostgresRetrieveStore>(database);
}

}  // namespace relevo
