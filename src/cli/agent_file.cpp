#include "cli/agent_file.hpp"

#include "cli/agent_fields.hpp"

namespace relevo {

Result<AgentSpec> load_agent(const std::filesystem::path& file, const AgentMeans& means,
                             const AgentSpec& base) {
    return yaml::load<AgentSpec>(file, "agent.invalid", [&](const YAML::Node& root) {
        AgentSpec agent = base;
        yaml::Fields fields = yaml::agent_fields(agent, means);
        fields["prompt"] = yaml::prompt_text(agent.prompt);
        fields["disclosure"] = yaml::string(agent.disclosure);
        fields["channels"] = yaml::channel_names(agent.channels, means);
        yaml::read(root, fields);
        return agent;
    });
}

}  // namespace relevo
