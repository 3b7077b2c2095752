#include "core/json_object.hpp"
#include "postgres/json.hpp"
#include "postgres/stores.hpp"

namespace relevo {
namespace {

class PostgresBacklogStore final : public BacklogStore {
  public:
    explicit PostgresBacklogStore(Database& database) : database_(database) {}

    Task<Backlog> read(SysTime now) override {
        // Prometheus waits 10 s for all figures
        constexpr Millis deadline{3'000};
        std::string request = JsonObject().time("now", now).str();
        const std::string result =
            co_await database_.call("count_backlog", TenantId{}, std::move(request), deadline);
        const Json json = Json::parse(result);
        Backlog backlog;
        for (const auto& letters : json["dead_letters"].items()) {
            backlog.dead_letters[letters.text("stage")] = letters.number("count");
        }
        backlog.due_timers = json.number("due_timers");
        backlog.longest_due = Millis{json.number("longest_due_ms")};
        backlog.open_turns = json.number("open_turns");
        backlog.longest_open = Millis{json.number("longest_open_ms")};
        backlog.unknown_deliveries = json.number("unknown_deliveries");
        std::string of_money = JsonObject().time("now", now).str();
        const std::string counted =
            co_await database_.call("count_money", TenantId{}, std::move(of_money), deadline);
        const Json money = Json::parse(counted);
        for (const auto* state : {"soft", "exhausted", "unpriced"})
            backlog.budgets[state] = money.number(state);
        backlog.unpriced_calls = money.number("unpriced_calls");
        co_return backlog;
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<BacklogStore> make_backlog_store(Database& database) {
    return std::make_unique<PostgresBacklogStore>(database);
}

}  // namespace relevo
