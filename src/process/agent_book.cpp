#include "process/agent_book.hpp"

#include "core/await.hpp"
#include "domain/agent_rules.hpp"
#include "postgres/agents.hpp"
#include "postgres/shop_names.hpp"
#include "process/shared.hpp"

namespace relevo {
namespace {

class PostgresAgentBook final : public AgentBook {
  public:
    PostgresAgentBook(const Config& config, const std::string& user)
        : database_(operator_database(config.postgres_url, user)), means_(agent_means(config)) {}

    std::vector<AgentTemplate> templates() override { return await(list_agent_templates(database_)); }

    std::vector<AgentLine> list(const std::string& shop) override {
        return await(list_agents(database_, tenant_of(shop)));
    }

    AgentRecord get(const std::string& shop, const std::string& agent) override {
        return find(shop, tenant_of(shop), agent);
    }

    AgentSpec version(const std::string& shop, const std::string& agent, int version) override {
        return find_version(shop, tenant_of(shop), agent, version);
    }

    void draft(const std::string& shop, const AgentSpec& agent) override {
        await(draft_agent(database_, tenant_of(shop), agent));
    }

    int publish(const std::string& shop, const std::string& agent) override {
        const TenantId tenant = tenant_of(shop);
        const AgentRecord known = find(shop, tenant, agent);
        if (!known.draft) {
            throw Failure({Fault::permanent, "agent.no_draft",
                           "agent '" + agent + "' has no draft to publish: relevo agents draft " + shop +
                               " makes one"});
        }
        return publish_checked(shop, tenant, agent, *known.draft, known.line.version);
    }

    int rollback(const std::string& shop, const std::string& agent, int version) override {
        const TenantId tenant = tenant_of(shop);
        const AgentRecord known = find(shop, tenant, agent);
        const AgentSpec before = find_version(shop, tenant, agent, version);
        return publish_checked(shop, tenant, agent, before, known.line.version);
    }

  private:
    TenantId tenant_of(const std::string& slug) { return await(require_shop(database_, slug)); }

    AgentRecord find(const std::string& shop, TenantId tenant, const std::string& agent) {
        if (auto found = await(find_agent(database_, tenant, agent))) return std::move(*found);
        throw unknown_agent(shop, agent);
    }

    AgentSpec find_version(const std::string& shop, TenantId tenant, const std::string& agent, int version) {
        if (auto found = await(find_agent_version(database_, tenant, agent, version)))
            return std::move(*found);
        find(shop, tenant, agent);
        throw Failure({Fault::permanent, "agent.unknown_version",
                       "agent '" + agent + "' has no version " + std::to_string(version) +
                           "; relevo agents show " + shop + " '" + agent + "' names those that it has"});
    }

    int publish_checked(const std::string& shop, TenantId tenant, const std::string& agent,
                        AgentSpec settings, int was) {
        settings.name = agent;  // it says who is meant, whatever the settings were made for
        const auto surroundings = await(agent_surroundings(database_, tenant, shop, means_));
        if (const auto refused = refuse_agent(settings, surroundings)) throw Failure(*refused);
        return await(publish_agent(database_, tenant, settings, was));
    }

    Database database_;
    AgentMeans means_;
};

}  // namespace

std::unique_ptr<AgentBook> make_agent_book(const Config& config, const std::string& user) {
    return std::make_unique<PostgresAgentBook>(config, user);
}

}  // namespace relevo
