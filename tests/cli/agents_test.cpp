#include <doctest/doctest.h>

#include <map>

#include "domain/agent_settings.hpp"
#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

// One shop's agents in memory.
struct Agents {
    std::map<std::string, AgentRecord> known;
    std::map<std::string, std::map<int, AgentSpec>> versions;
    std::string published_refusal;  // a code
};

AgentSpec ana() {
    AgentSpec agent;
    agent.name = "Ana";
    agent.prompt = "Sos Ana.\nSé breve.";
    return agent;
}

class FakeAgents final : public AgentBook {
  public:
    explicit FakeAgents(Agents& agents) : agents_(agents) {}
    std::vector<AgentTemplate> templates() override {
        AgentSpec support;
        support.role = "support";
        support.temperature = 0.5;
        support.tools = {"rag_search"};
        return {{"support", support}};
    }
    std::vector<AgentLine> list(const std::string&) override {
        std::vector<AgentLine> lines;
        for (const auto& [name, record] : agents_.known) lines.push_back(record.line);
        return lines;
    }
    AgentRecord get(const std::string& shop, const std::string& agent) override {
        const auto found = agents_.known.find(agent);
        if (found == agents_.known.end()) throw unknown_agent(shop, agent);
        return found->second;
    }
    AgentSpec version(const std::string&, const std::string& agent, int version) override {
        return agents_.versions[agent].at(version);
    }
    void draft(const std::string&, const AgentSpec& agent) override {
        auto& record = agents_.known[agent.name];
        record.line.name = agent.name;
        record.line.has_draft = true;
        record.draft = agent;
    }
    int publish(const std::string&, const std::string& agent) override {
        if (!agents_.published_refusal.empty())
            throw Failure({Fault::permanent, agents_.published_refusal, "no key"});
        return make(agent, *agents_.known[agent].draft);
    }
    int rollback(const std::string&, const std::string& agent, int version) override {
        return make(agent, agents_.versions[agent].at(version));
    }

  private:
    int make(const std::string& name, AgentSpec agent) {
        auto& record = agents_.known[name];
        record.published = agent;
        record.draft.reset();
        record.line.has_draft = false;
        record.line.version += 1;
        record.versions.insert(record.versions.begin(), AgentVersion{record.line.version, {}});
        agents_.versions[name][record.line.version] = agent;
        return record.line.version;
    }

    Agents& agents_;
};

struct Bench {
    Bench() {
        config =
            folder
                .write("relevo.yaml",
                       "kafka: {brokers: \"none:1\"}\npostgres: {url: \"none\"}\nredis: {url: \"none\"}\n"
                       "master_key_file: none\npipelines: none\nmigrations: none\nconsole: none\n")
                .string();
        backend.agent_means = [](const Config&) {
            return AgentMeans{{{"offline", ""}, {"openai", "openai"}}, {"web", "whatsapp"}};
        };
        backend.agents = [this](const Config&) { return std::make_unique<FakeAgents>(agents); };
    }
    Printed operator()(std::vector<std::string> words) {
        words.insert(words.begin(), {"--config", config, "agents"});
        return run_relevo(words, backend);
    }
    std::string draft_text(const std::string& text) { return folder.write("agent.yaml", text).string(); }

    Folder folder;
    std::string config;
    Agents agents;
    Backend backend;
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an agent goes from a template over a draft to versions, and back") {
    Bench it;
    const auto drafted =
        it({"draft", "pointe", "Ana", it.draft_text("provider: openai\nprompt: \"Hola {CUSTOMER}\"\n"),
            "--template", "support"});
    CHECK(drafted.err == "");
    CHECK(drafted.code == 0);
    CHECK(has(drafted.out, "temperature\n  - 0.7\n  + 0.5\n"));
    const auto& draft = it.agents.known["Ana"].draft;
    REQUIRE(draft);
    CHECK(draft->name == "Ana");
    CHECK(draft->role == "support");
    CHECK(draft->provider == "openai");
    CHECK(draft->tools == std::vector<std::string>{"rag_search"});
    CHECK(it({"publish", "pointe", "Ana"}).out ==
          "Ana is version 1 now: turns that begin from now on have it\n");

    CHECK(it({"draft", "pointe", "Ana", it.draft_text("model: small\n")}).code == 0);
    CHECK(it.agents.known["Ana"].draft->role ==
          "support");  // what is published is what the file is laid over
    CHECK(it({"diff", "pointe", "Ana"}).out == "model\n  - \n  + small\n");
    CHECK(it({"publish", "pointe", "Ana", "--json"}).out == "{\"agent\":\"Ana\",\"version\":2}\n");
    CHECK(it({"diff", "pointe", "Ana", "--from", "2", "--to", "1", "--json"}).out ==
          "[{\"field\":\"model\",\"before\":\"small\",\"after\":\"\"}]\n");
    CHECK(it({"rollback", "pointe", "Ana", "1"}).out ==
          "Ana is version 3 now: turns that begin from now on have it\n");
    CHECK(it({"diff", "pointe", "Ana", "--from", "1", "--to", "3"}).out == "nothing differs\n");
}

TEST_CASE("agents are listed with what they answer and shown with their versions") {
    Bench it;
    FakeAgents book(it.agents);
    book.draft("pointe", ana());
    CHECK(has(it({"show", "pointe", "Ana"}).out, "the draft:\nrole: sales\n"));
    book.publish("pointe", "Ana");
    it.agents.known["Ana"].line.answers = {"web", "whatsapp"};
    CHECK(has(it({"list", "pointe"}).out, "version 1"));
    CHECK(has(it({"list", "pointe"}).out, "answers web whatsapp"));
    CHECK(has(it({"list", "pointe", "--json"}).out, R"("answers":["web","whatsapp"])"));
    const auto shown = it({"show", "pointe", "Ana"});
    CHECK(has(shown.out, "  version 1 of 1970-01-01"));
    CHECK(has(shown.out, "prompt:\nSos Ana.\nSé breve.\n"));
    CHECK(has(it({"show", "pointe", "Ana", "--version", "1", "--json"}).out, R"("settings":{"name":"Ana")"));
    CHECK(it({"show", "pointe", "Ana", "--draft"}).code == 1);
    const auto unknown = it({"show", "pointe", "Eva"});
    CHECK(unknown.code == 1);
    CHECK(has(unknown.err, "shop pointe has no agent 'Eva'; relevo agents list pointe"));
    CHECK(has(it({"templates"}).out, "support  temperature 0.5, tools rag_search\n"));
    CHECK(has(it({"templates", "--json"}).out, R"("enabled_tools":["rag_search"])"));
}

TEST_CASE("a draft that names a provider without its key is not published, and says so") {
    Bench it;
    FakeAgents(it.agents).draft("pointe", ana());
    it.agents.published_refusal = "agent.no_credentials";
    const auto refused = it({"publish", "pointe", "Ana"});
    CHECK(refused.code == 1);
    CHECK(has(refused.err, "agent.no_credentials"));
    CHECK(it.agents.known["Ana"].line.version == 0);
}

TEST_CASE("a draft without a file or a template, or of one that is none, is a wrong use") {
    Bench it;
    CHECK(it({"draft", "pointe", "Ana"}).code == 2);
    const auto unknown = it({"draft", "pointe", "Ana", "--template", "sells"});
    CHECK(unknown.code == 2);
    CHECK(has(unknown.err, "there is no template 'sells'; known: support"));
    CHECK(it({"draft", "pointe", "Ana", it.draft_text("prompt: \"{NIX}\"\n")}).code == 1);
    CHECK(it.agents.known.empty());
    CHECK(it({"rollback", "pointe", "Ana", "0"}).code == 2);
}
