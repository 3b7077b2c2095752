#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/ids.hpp"
#include "domain/shop.hpp"

namespace relevo {

using AgentId = Number<struct AgentTag>;

struct AgentLine {
    AgentId id;
    std::string name;
    int version = 0;  ///< the published one; 0: there is none yet
    /// The shop's file states it, or it was the first to be published: it answers where no other agent names
    /// the channel.
    bool own = false;
    std::string role;
    std::string provider;
    std::string model;
    bool has_draft = false;
    std::vector<std::string> answers;  ///< the channels on which it does
    SysTime updated{};
};

struct AgentVersion {
    int version = 0;
    SysTime published{};
};

struct AgentRecord {
    AgentLine line;
    std::optional<AgentSpec> published;
    std::optional<AgentSpec> draft;
    std::vector<AgentVersion> versions;  ///< the newest hundred, newest first
};

struct AgentTemplate {
    std::string name;    ///< "sales"
    AgentSpec settings;  ///< what it leaves open is as the product has it
};

/// To be thrown where somebody names an agent that the shop does not have.
inline Failure unknown_agent(const std::string& shop, const std::string& agent) {
    return Failure({Fault::permanent, "agent.unknown",
                    "shop " + shop + " has no agent '" + agent + "'; relevo agents list " + shop +
                        " names those that it has"});
}

/// The agents of the installation's shops, for the command line: blocks. Every call with a shop's slug may
/// throw Failure "shop.unknown", and where it names an agent "agent.unknown".
class AgentBook {
  public:
    virtual ~AgentBook() = default;
    virtual std::vector<AgentTemplate> templates() = 0;
    virtual std::vector<AgentLine> list(const std::string& shop) = 0;
    virtual AgentRecord get(const std::string& shop, const std::string& agent) = 0;
    /// Throws Failure "agent.unknown_version".
    virtual AgentSpec version(const std::string& shop, const std::string& agent, int version) = 0;
    /// What would be published, in the place of an earlier draft; the agent is made where there is none of
    /// that name. Nothing of it is checked: a draft may be unfinished.
    virtual void draft(const std::string& shop, const AgentSpec& agent) = 0;
    /// Makes the draft the newest version, which turns that begin from now on have: its number; that of the
    /// published one where nothing differs. Throws what refuse_agent gives, and Failure:
    ///  agent.no_draft (permanent)       there is nothing to publish
    ///  agent.channel_taken (permanent)  another agent of the shop names one of its channels
    ///  agent.changed (transient)        somebody else has published meanwhile
    virtual int publish(const std::string& shop, const std::string& agent) = 0;
    /// An earlier version as the newest one; the draft stays. Throws as `version` and `publish`.
    virtual int rollback(const std::string& shop, const std::string& agent, int version) = 0;
};

}  // namespace relevo
