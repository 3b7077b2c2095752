#include <algorithm>

#include "core/json_object.hpp"
#include "postgres/json.hpp"
#include "postgres/shop_names.hpp"
#include "postgres/stores.hpp"

namespace relevo {
namespace {

class PostgresDemoStore final : public DemoStore {
  public:
    explicit PostgresDemoStore(Database& database) : database_(database) {}

    Task<std::string> shops() override {
        std::vector<std::string> shops = co_await of_each_tenant("demo_shop");
        std::erase(shops, "null");  // those that take nothing any more
        co_return json_array(shops);
    }

    Task<std::string> conversations() override {
        std::vector<std::pair<std::string, std::string>> newest;  // when, what
        const std::vector<std::string> lists = co_await of_each_tenant("demo_conversations");
        for (const auto& list : lists) {
            for (const auto& conversation : Json::parse(list).items()) {
                newest.emplace_back(conversation.text("last_at"), conversation.source());
            }
        }
        std::sort(newest.begin(), newest.end(), std::greater<>());
        if (newest.size() > most_conversations) newest.resize(most_conversations);
        std::vector<std::string> documents;
        for (auto& [at, document] : newest) documents.push_back(std::move(document));
        co_return json_array(documents);
    }

    Task<std::optional<std::string>> conversation(TenantId tenant, ConversationId conversation) override {
        std::string request = JsonObject().id("conversation", conversation).str();
        std::string result = co_await database_.call("demo_conversation", tenant, std::move(request));
        if (Json::parse(result).null()) co_return std::nullopt;
        co_return result;
    }

  private:
    static constexpr std::size_t most_conversations = 100;

    Task<std::vector<std::string>> of_each_tenant(std::string op) {
        std::vector<std::pair<TenantId, std::string>> requests;
        for (const auto& shop : co_await list_shop_names(database_)) requests.emplace_back(shop.tenant, "{}");
        std::vector<std::string> results = co_await database_.call_all(std::move(op), std::move(requests));
        co_return results;
    }

    Database& database_;
};

}  // namespace

std::unique_ptr<DemoStore> make_demo_store(Database& database) {
    return std::make_unique<PostgresDemoStore>(database);
}

}  // namespace relevo
