#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/task.hpp"
#include "domain/agent_book.hpp"
#include "domain/identity_stores.hpp"

namespace relevo {

/// What a shop's customers say → what its catalogue says.
using Synonyms = std::map<std::string, std::vector<std::string>>;

struct PublishedAgent {
    AgentVersion version;
    AgentSpec settings;
};

/// A shop's agents by their ids, for the API. Removed ones are not there. Every change is noted. Calls throw
/// as those of PeopleStore do.
class AgentStore {
  public:
    virtual ~AgentStore() = default;
    virtual Task<std::vector<AgentTemplate>> templates() = 0;
    virtual Task<std::vector<AgentLine>> list(TenantId tenant) = 0;
    virtual Task<std::optional<AgentRecord>> find(TenantId tenant, AgentId agent) = 0;
    /// Newest first, at most `limit`, before that one.
    virtual Task<std::vector<AgentVersion>> versions(TenantId tenant, AgentId agent,
                                                     std::optional<std::int64_t> before, int limit) = 0;
    virtual Task<std::optional<PublishedAgent>> version(TenantId tenant, AgentId agent,
                                                        std::int64_t version) = 0;
    /// As a draft, or published at once. What it may name the caller has asked refuse_agent. Permanent
    /// errors:
    ///  agent.taken          the shop has one of that name
    ///  agent.channel_taken  it is to be published, and another agent names one of its channels
    virtual Task<Result<AgentId>> add(TenantId tenant, AgentSpec agent, bool publish, Actor actor) = 0;
    /// What is left out stays. The name is its own at once, in its draft too; versions keep the one they were
    /// published with. Permanent errors: agent.unknown, agent.taken.
    virtual Task<Result<void>> change(TenantId tenant, AgentId agent, std::optional<std::string> name,
                                      std::optional<AgentSpec> draft, Actor actor) = 0;
    /// Makes `settings` the newest version of what is published as `was`; a draft that is the same goes. Its
    /// number; agent.channel_taken (permanent), agent.changed (transient).
    virtual Task<Result<int>> publish(TenantId tenant, AgentId agent, AgentSpec settings, int was,
                                      Actor actor) = 0;
    /// The shop's own from then on. False where no such one is published.
    virtual Task<bool> set_own(TenantId tenant, AgentId agent, Actor actor) = 0;
    /// Its name is free from then on. Permanent errors: agent.unknown, agent.in_use.
    virtual Task<Result<void>> remove(TenantId tenant, AgentId agent, SysTime now, Actor actor) = 0;

    /// Of all the shop's agents, in what they look up and what they are told.
    virtual Task<Synonyms> synonyms(TenantId tenant) = 0;
    /// In the place of all that there were.
    virtual Task<void> set_synonyms(TenantId tenant, Synonyms synonyms, Actor actor) = 0;
};

}  // namespace relevo
