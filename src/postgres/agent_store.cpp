#include "core/json_object.hpp"
#include "domain/agent_settings.hpp"
#include "postgres/actor_json.hpp"
#include "postgres/agents.hpp"
#include "postgres/ask.hpp"
#include "postgres/request_stores.hpp"

namespace relevo {
namespace {

Error channel_taken(const std::string& agent, const Json& told) {
    return {Fault::permanent, "agent.channel_taken",
            "agent '" + agent + "' names channel " + told.text("channel") + ", where agent '" +
                told.text("taken_by") + "' answers: take it out of one of them"};
}

Error name_taken(const std::string& name) {
    return {Fault::permanent, "agent.taken", "the shop has an agent '" + name + "'"};
}

Error unknown_agent() {
    return {Fault::permanent, "agent.unknown", "there is no such agent"};
}

AgentVersion parse_version(const Json& json) {
    return {static_cast<int>(json.number("version")), json.time("at")};
}

class PostgresAgentStore final : public AgentStore {
  public:
    explicit PostgresAgentStore(Database& database) : database_(database) {}

    Task<std::vector<AgentTemplate>> templates() override { return list_agent_templates(database_); }

    Task<std::vector<AgentLine>> list(TenantId tenant) override { return list_agents(database_, tenant); }

    Task<std::optional<AgentRecord>> find(TenantId tenant, AgentId agent) override {
        auto asked = ask(database_, "get_agent", tenant, JsonObject().number("agent", agent.value).str());
        const Json found = co_await std::move(asked);
        if (found.null()) co_return std::nullopt;
        co_return parse_agent_record(found);
    }

    Task<std::vector<AgentVersion>> versions(TenantId tenant, AgentId agent,
                                             std::optional<std::int64_t> before, int limit) override {
        JsonObject request;
        request.number("agent", agent.value).number("limit", limit);
        if (before) request.number("before", *before);
        auto asked = ask(database_, "list_agent_versions", tenant, request.str());
        const Json found = co_await std::move(asked);
        std::vector<AgentVersion> versions;
        for (const auto& row : found.items()) versions.push_back(parse_version(row));
        co_return versions;
    }

    Task<std::optional<PublishedAgent>> version(TenantId tenant, AgentId agent,
                                                std::int64_t version) override {
        auto asked = ask(database_, "get_agent_version", tenant,
                         JsonObject().number("agent", agent.value).number("version", version).str());
        const Json found = co_await std::move(asked);
        if (found.null()) co_return std::nullopt;
        co_return PublishedAgent{parse_version(found), parse_agent_spec(found["settings"])};
    }

    Task<Result<AgentId>> add(TenantId tenant, AgentSpec agent, bool publish, Actor actor) override {
        JsonObject request;
        request.raw("actor", actor_json(actor)).text("name", agent.name);
        request.raw("settings", agent_json(agent)).flag("publish", publish);
        auto asked = ask(database_, "add_agent", tenant, request.str());
        const Json made = co_await std::move(asked);
        if (made.flag("taken")) co_return name_taken(agent.name);
        if (!made["taken_by"].null()) co_return channel_taken(agent.name, made);
        auto read = ask(database_, "get_agent", tenant, JsonObject().text("name", agent.name).str());
        const Json found = co_await std::move(read);
        co_return AgentId{found.number("id")};
    }

    Task<Result<void>> change(TenantId tenant, AgentId agent, std::optional<std::string> name,
                              std::optional<AgentSpec> draft, Actor actor) override {
        JsonObject request;
        request.raw("actor", actor_json(actor)).number("agent", agent.value);
        if (name) request.text("name", *name);
        if (draft) request.raw("settings", agent_json(*draft));
        auto asked = ask(database_, "change_agent", tenant, request.str());
        const Json outcome = co_await std::move(asked);
        if (outcome.text() == "done") co_return Result<void>();
        if (outcome.text() == "taken") co_return name_taken(*name);
        co_return unknown_agent();
    }

    Task<Result<int>> publish(TenantId tenant, AgentId agent, AgentSpec settings, int was,
                              Actor actor) override {
        JsonObject request;
        request.raw("actor", actor_json(actor)).number("agent", agent.value).number("version", was);
        request.raw("settings", agent_json(settings));
        auto asked = ask(database_, "publish_agent", tenant, request.str());
        const Json made = co_await std::move(asked);
        if (made.null() || made.flag("stale")) co_return agent_changed(settings.name);
        if (!made["taken_by"].null()) co_return channel_taken(settings.name, made);
        co_return static_cast<int>(made.number("version"));
    }

    Task<bool> set_own(TenantId tenant, AgentId agent, Actor actor) override {
        JsonObject request;
        request.raw("actor", actor_json(actor)).number("agent", agent.value);
        auto asked = ask(database_, "set_own_agent", tenant, request.str());
        const Json done = co_await std::move(asked);
        co_return done.flag();
    }

    Task<Result<void>> remove(TenantId tenant, AgentId agent, SysTime now, Actor actor) override {
        JsonObject request;
        request.raw("actor", actor_json(actor)).number("agent", agent.value).time("now", now);
        auto asked = ask(database_, "remove_agent", tenant, request.str());
        const Json outcome = co_await std::move(asked);
        if (outcome.text() == "done") co_return Result<void>();
        if (outcome.text() == "in_use") {
            co_return Error{Fault::permanent, "agent.in_use",
                            "it answers for an account of the shop; choose another agent there first"};
        }
        if (outcome.text() == "default") {
            co_return Error{Fault::permanent, "agent.in_use",
                            "it is the shop's default; make another one that first"};
        }
        co_return unknown_agent();
    }

    Task<Synonyms> synonyms(TenantId tenant) override {
        auto asked = ask(database_, "get_synonyms", tenant, "{}");
        const Json found = co_await std::move(asked);
        Synonyms synonyms;
        for (const auto& [said, meant] : found.members()) synonyms[said] = meant.texts();
        co_return synonyms;
    }

    Task<void> set_synonyms(TenantId tenant, Synonyms synonyms, Actor actor) override {
        JsonObject all;
        for (const auto& [said, meant] : synonyms) all.raw(said, json_texts(meant));
        JsonObject request;
        request.raw("actor", actor_json(actor)).raw("synonyms", all.str());
        auto done = ask(database_, "set_synonyms", tenant, request.str());
        co_await std::move(done);
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<AgentStore> make_agent_store(Database& database) {
    return std::make_unique<PostgresAgentStore>(database);
}

}  // namespace relevo
