#include "process/inspection.hpp"

#include <chrono>
#include <future>

#include "domain/asked_models.hpp"
#include "http/client.hpp"
#include "http/url.hpp"
#include "kafka/facts.hpp"
#include "postgres/facts.hpp"
#include "process/shared.hpp"
#include "redis/facts.hpp"

namespace relevo {
namespace {

class ServerInspection final : public Inspection {
  public:
    explicit ServerInspection(const Config& config) : config_(config) {}

    ClusterFacts cluster(const std::vector<PipelineSpec>& pipelines) override {
        std::vector<std::string> topics;
        for (const auto& pipeline : pipelines) {
            for (const auto& topic : pipeline.topics) topics.push_back(topic.name);
        }
        return read_cluster_facts(kafka_settings(config_), topics);
    }

    DatabaseFacts database() override { return read_database_facts(config_.postgres_url); }
    WaitingFacts waiting() override { return read_waiting_facts(config_.postgres_operator_url); }
    RedisFacts redis() override { return read_redis_facts(config_.redis_url); }

    std::vector<CredentialFacts> credentials() override {
        const auto masters = master_keys(config_);
        std::vector<CredentialFacts> facts;
        for (const auto& it : read_shop_facts(config_.postgres_url).credentials) {
            facts.push_back(
                {it.shop, it.credential.category, it.credential.name, open(*masters, it).has_value()});
        }
        return facts;
    }

    std::vector<AccountFacts> accounts(bool ask) override {
        const auto masters = master_keys(config_);
        const ShopFacts shops = read_shop_facts(config_.postgres_url);
        boost::asio::io_context io;
        PooledHttpClient http(io);
        const Channels channels(make_channels(channel_settings(config_), http));
        std::vector<AccountFacts> facts;
        std::vector<std::pair<std::size_t, std::future<AccountCheck>>>
            asked;  // at once: each may take seconds
        for (const auto& account : shops.accounts) {
            facts.push_back({account.shop, account.channel, account.account, {}, true, {}});
            Channel* channel = channels.find(account.channel);
            if (!channel || channel->verification_secret().empty()) continue;
            facts.back().webhook = "/webhooks/" + account.channel + "/" + account.key;
            const auto* sealed =
                find(shops, account.tenant, channel->credentials(), channel->sending_secret());
            facts.back().has_token = sealed != nullptr;
            const auto token = sealed ? open(*masters, *sealed) : std::nullopt;
            if (!token || !ask) continue;
            asked.emplace_back(facts.size() - 1,
                               boost::asio::co_spawn(io, channel->check_account(account.account, *token),
                                                     boost::asio::use_future));
        }
        for (auto& [place, check] : asked) facts[place].check = finish(io, check);
        return facts;
    }

    std::vector<ModelFacts> models(bool ask) override {
        const auto masters = master_keys(config_);
        const ShopFacts shops = read_shop_facts(config_.postgres_url);
        boost::asio::io_context io;
        PooledHttpClient http(io, client_limits(config_));  // as the agents reach them
        SystemClock clock;
        const ModelProviders providers = make_model_providers(model_settings(config_), http, clock);
        std::vector<ModelFacts> facts;
        std::vector<std::pair<std::size_t, std::future<ModelCheck>>> asked;
        for (const auto& [tenant, shop, agent, prices] : shops.agents) {
            const auto models = asked_models(agent);
            for (std::size_t i = 0; i < models.size(); ++i) {
                const FallbackModel& model = models[i];
                ModelProvider* provider = providers.find(model.provider);
                if (provider && provider->credentials().empty()) continue;  // answers by itself
                ModelFacts& it = facts.emplace_back();
                it.shop = shop;
                it.provider = model.provider;
                it.model = model.model;
                it.price = prices[i];
                it.known_provider = provider != nullptr;
                it.own_address = !model.base_url.empty();
                it.good_address = !it.own_address || parse_url(model.base_url).has_value();
                if (!provider) continue;
                it.names_credentials = !model.credentials.empty() && model.credentials != no_credentials;
                if (it.names_credentials) it.credentials = model.credentials;
                if (model.credentials.empty()) it.credentials = provider->credentials();
                const auto key = key_of(*masters, shops, tenant, it);
                auto* checked = dynamic_cast<CheckedProvider*>(provider);
                if (!ask || !checked || !key || !it.good_address) continue;
                asked.emplace_back(
                    facts.size() - 1,
                    boost::asio::co_spawn(io, checked->check_model(model.base_url, model.model, *key),
                                          boost::asio::use_future));
            }
        }
        for (auto& [place, check] : asked) facts[place].check = finish(io, check);
        return facts;
    }

    HttpResponse fetch(const std::string& url) override {
        boost::asio::io_context io;
        PooledHttpClient http(io);
        HttpCall call;
        call.method = "GET";
        call.url = url;
        call.chosen_by = ChosenBy::installation;
        call.deadline = Millis{5'000};
        auto answer = boost::asio::co_spawn(io, http.send(std::move(call)), boost::asio::use_future);
        auto response = finish(io, answer);
        if (!response)
            throw Failure({Fault::transient, "http.unreachable", url + ": " + response.error().text});
        return std::move(*response);
    }

  private:
    static std::optional<Secret> open(MasterKeys& masters, const ShopCredential& it) {
        try {
            return open_credential(masters, it.tenant, it.credential);
        } catch (const Failure&) {
            return std::nullopt;
        }
    }

    // Null where there is none.
    static const ShopCredential* find(const ShopFacts& shops, TenantId tenant, std::string_view category,
                                      std::string_view name) {
        for (const auto& it : shops.credentials) {
            if (it.tenant == tenant && it.credential.category == category && it.credential.name == name)
                return &it;
        }
        return nullptr;
    }

    // What the model is asked with, and notes how it stands with it; nothing where it does not open.
    static std::optional<Secret> key_of(MasterKeys& masters, const ShopFacts& shops, TenantId tenant,
                                        ModelFacts& model) {
        if (model.credentials.empty()) return Secret();
        const auto* sealed = find(shops, tenant, model.credentials, "API_KEY");
        if (!sealed) {
            model.key = ModelFacts::Key::missing;
            return Secret();
        }
        auto key = open(masters, *sealed);
        if (!key) model.key = ModelFacts::Key::sealed;
        return key;
    }

    // Without waiting for what the client keeps for later calls.
    template <class T>
    static T finish(boost::asio::io_context& io, std::future<T>& result) {
        while (result.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io.run_one();
        return result.get();
    }

    const Config& config_;
};

}  // namespace

std::unique_ptr<Inspection> make_inspection(const Config& config) {
    return std::make_unique<ServerInspection>(config);
}

}  // namespace relevo
