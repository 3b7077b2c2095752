#include <algorithm>
#include <charconv>

#include "api/agent_statement.hpp"
#include "api/list.hpp"
#include "domain/agent_rules.hpp"
#include "domain/agent_settings.hpp"

namespace relevo {
namespace {

AgentId agent_of(const ApiCall& call) {
    return {call.whole("agent", 0)};
}

Problem none(AgentId agent) {
    return not_found("Agent", agent.to_string());
}

std::string json_of(const AgentLine& line) {
    JsonObject object;
    object.number("id", line.id.value).text("name", line.name).number("version", line.version);
    object.flag("default", line.own).text("role", line.role).text("provider", line.provider);
    object.text("model", line.model)
        .flag("has_draft", line.has_draft)
        .raw("answers", json_texts(line.answers));
    add_time(object, "updated_at", line.updated);
    return object.str();
}

std::string json_of(const AgentRecord& agent) {
    JsonObject object;
    object.number("id", agent.line.id.value).text("name", agent.line.name);
    object.number("version", agent.line.version).flag("default", agent.line.own);
    object.raw("answers", json_texts(agent.line.answers));
    add_time(object, "updated_at", agent.line.updated);
    if (agent.published) object.raw("published", agent_settings_json(*agent.published));
    if (agent.draft) object.raw("draft", agent_settings_json(*agent.draft));
    return object.str();
}

std::string json_of(const AgentVersion& version) {
    JsonObject object;
    object.number("version", version.version);
    add_time(object, "published_at", version.published);
    return object.str();
}

Problem problem_of_agent(const Error& error, AgentId agent) {
    if (error.code == "agent.unknown") return none(agent);
    if (error.code == "agent.taken") return refusal(PeopleStore::Outcome::taken, "The name", "");
    if (error.code == "agent.no_credentials") return problem_of(error, 400);
    if (error.code == "agent.invalid" || error.code == "agent.unknown_provider")
        return problem_of(error, 422);
    if (error.code == "agent.changed") return {412, "api.changed", error.text};
    return problem_of(error, 409);
}

// Before anything is held: secrets may change meanwhile.
Task<AgentSurroundings> surroundings_of(ApiCall& call, const AgentMeans& means) {
    auto looked = call.stores.tenants().find(call.tenant());
    const auto shop = co_await std::move(looked);
    AgentSurroundings surroundings{shop ? shop->slug : std::string(), means, {}};
    auto listed = call.stores.credentials().list(call.tenant());
    for (const auto& credential : co_await std::move(listed)) {
        if (credential.name == "API_KEY") surroundings.keys.insert(credential.category);
    }
    co_return surroundings;
}

// Whoever writes agents must not read the vault by them.
std::optional<Problem> check_keys(const ApiCall& call, const AgentSpec& before, const AgentSpec& agent,
                                  const AgentMeans& means) {
    const bool may = call.who->permissions().allows(Module::vault, Action::write);
    if (may || !sends_keys_elsewhere(before, agent, means.providers)) return std::nullopt;
    return Problem{
        403, "agent.keys_elsewhere",
        "the server at that base_url would be told a key of the vault's, the provider's or the one "
        "that a fallback names: it takes vault.write to say so"};
}

// `settings`: where they stand in the body.
std::optional<Problem> check_settings(const AgentSpec& agent, const AgentMeans& means,
                                      const std::string& settings) {
    auto mistake = misplaced_setting(agent, means);
    if (!mistake) return std::nullopt;
    Problem problem = bad_member(settings + mistake->pointer, std::move(mistake->text));
    problem.code = "agent.invalid";
    return problem;
}

Task<ApiResult> answer_with(ApiCall& call, AgentId id, int status = 200) {
    auto asked = call.stores.agents().find(call.tenant(), id);
    const auto agent = co_await std::move(asked);
    if (!agent) co_return none(id);
    Answer answer = entity(json_of(*agent), status);
    if (status == 201) answer.headers.emplace_back("Location", "/v1/agents/" + id.to_string());
    co_return answer;
}

Task<ApiResult> list_templates(ApiCall& call) {
    auto asked = call.stores.agents().templates();
    std::vector<std::string> items;
    for (const auto& [name, settings] : co_await std::move(asked)) {
        items.push_back(JsonObject().text("name", name).raw("settings", agent_settings_json(settings)).str());
    }
    co_return Answer{.body = JsonObject().raw("items", json_array(items)).str()};
}

Task<ApiResult> list(ApiCall& call) {
    auto asked = call.stores.agents().list(call.tenant());
    auto rows = co_await std::move(asked);
    const auto place = [](const AgentLine& line) {
        const std::string id = line.id.to_string();
        return std::string(20 - std::min<std::size_t>(20, id.size()), '0') + id;
    };
    co_return page_of_all(
        call, std::move(rows), [](const AgentLine& line) { return json_of(line); }, place, std::less<>());
}

Task<ApiResult> read(ApiCall& call) {
    auto answered = answer_with(call, agent_of(call));
    co_return co_await std::move(answered);
}

// What a new agent begins as.
Task<std::optional<AgentSpec>> base_of(ApiCall& call) {
    const auto wanted = call.body.text_if_any("template");
    if (!wanted) co_return AgentSpec();
    auto asked = call.stores.agents().templates();
    auto templates = co_await std::move(asked);
    const auto found = std::ranges::find(templates, *wanted, &AgentTemplate::name);
    if (found == templates.end()) co_return std::nullopt;
    co_return std::move(found->settings);
}

ApiHandler add(const AgentMeans& means) {
    return [means](ApiCall& call) -> Task<ApiResult> {
        auto begun = base_of(call);
        const auto base = co_await std::move(begun);
        if (!base) co_return bad_member("#/template", "there is none; GET /v1/agent-templates lists them");
        const SentJson settings = call.body.part("settings");
        if (settings.has("name")) co_return bad_member("#/settings/name", "stands beside the settings");
        AgentSpec agent = stated_agent(settings, *base);
        agent.name = call.body.text("name");
        if (auto problem = check_settings(agent, means, "#/settings")) co_return std::move(*problem);
        if (auto problem = check_keys(call, *base, agent, means)) co_return std::move(*problem);
        auto looked = surroundings_of(call, means);
        const auto surroundings = co_await std::move(looked);
        if (const auto refused = refuse_agent(agent, surroundings)) co_return problem_of_agent(*refused, {});
        const bool publish = call.body.flag_if_any("publish").value_or(false);
        auto made = call.stores.agents().add(call.tenant(), std::move(agent), publish, call.actor());
        const auto id = co_await std::move(made);
        if (!id) co_return problem_of_agent(id.error(), {});
        auto answered = answer_with(call, *id, 201);
        co_return co_await std::move(answered);
    };
}

// The agent that the call is based on; what is done next is refused where it changed since.
Task<std::variant<AgentRecord, Problem>> base_of_change(ApiCall& call) {
    call.stores.hold();
    auto asked = call.stores.agents().find(call.tenant(), agent_of(call));
    auto agent = co_await std::move(asked);
    if (!agent) co_return none(agent_of(call));
    if (auto problem = check_if_match(call, json_of(*agent))) co_return std::move(*problem);
    co_return std::move(*agent);
}

ApiHandler change(const AgentMeans& means) {
    return [means](ApiCall& call) -> Task<ApiResult> {
        auto looked = surroundings_of(call, means);
        const auto surroundings = co_await std::move(looked);
        auto read = base_of_change(call);
        auto base = co_await std::move(read);
        if (auto* problem = std::get_if<Problem>(&base)) co_return std::move(*problem);
        const auto& agent = std::get<AgentRecord>(base);
        auto name = call.body.text_if_any("name");
        const AgentSpec before = agent.draft       ? *agent.draft
                                 : agent.published ? *agent.published
                                                   : AgentSpec();
        std::optional<AgentSpec> draft = stated_agent(call.body, before);
        if (name && agent_settings_json(*draft) == agent_settings_json(before)) draft.reset();
        if (draft) {
            draft->name = name.value_or(agent.line.name);
            if (auto problem = check_settings(*draft, means, "#")) co_return std::move(*problem);
            if (auto problem = check_keys(call, before, *draft, means)) co_return std::move(*problem);
            if (const auto refused = refuse_agent(*draft, surroundings))
                co_return problem_of_agent(*refused, agent.line.id);
        }
        auto changed = call.stores.agents().change(call.tenant(), agent.line.id, std::move(name),
                                                   std::move(draft), call.actor());
        const auto done = co_await std::move(changed);
        if (!done) co_return problem_of_agent(done.error(), agent.line.id);
        auto answered = answer_with(call, agent.line.id);
        co_return co_await std::move(answered);
    };
}

Task<ApiResult> publish_as(ApiCall& call, AgentSurroundings surroundings, AgentLine line,
                           AgentSpec settings) {
    settings.name = line.name;
    if (const auto refused = refuse_agent(settings, surroundings))
        co_return problem_of_agent(*refused, line.id);
    auto asked =
        call.stores.agents().publish(call.tenant(), line.id, std::move(settings), line.version, call.actor());
    const auto version = co_await std::move(asked);
    if (!version) co_return problem_of_agent(version.error(), line.id);
    auto answered = answer_with(call, line.id);
    co_return co_await std::move(answered);
}

ApiHandler publish(const AgentMeans& means) {
    return [means](ApiCall& call) -> Task<ApiResult> {
        auto looked = surroundings_of(call, means);
        const auto surroundings = co_await std::move(looked);
        auto read = base_of_change(call);
        auto base = co_await std::move(read);
        if (auto* problem = std::get_if<Problem>(&base)) co_return std::move(*problem);
        auto& agent = std::get<AgentRecord>(base);
        if (!agent.draft) {
            co_return Problem{409, "agent.no_draft",
                              "there is nothing to publish; change the agent first: that makes a draft"};
        }
        auto published = publish_as(call, surroundings, agent.line, std::move(*agent.draft));
        co_return co_await std::move(published);
    };
}

ApiHandler roll_back(const AgentMeans& means) {
    return [means](ApiCall& call) -> Task<ApiResult> {
        auto looked = surroundings_of(call, means);
        const auto surroundings = co_await std::move(looked);
        auto read = base_of_change(call);
        auto base = co_await std::move(read);
        if (auto* problem = std::get_if<Problem>(&base)) co_return std::move(*problem);
        const auto& agent = std::get<AgentRecord>(base);
        const auto wanted = call.body.whole_if_any("version").value_or(0);
        auto found = call.stores.agents().version(call.tenant(), agent.line.id, wanted);
        auto earlier = co_await std::move(found);
        if (!earlier) co_return bad_member("#/version", "there is no such version of this agent");
        auto published = publish_as(call, surroundings, agent.line, std::move(earlier->settings));
        co_return co_await std::move(published);
    };
}

Task<ApiResult> make_default(ApiCall& call) {
    auto read = base_of_change(call);
    auto base = co_await std::move(read);
    if (auto* problem = std::get_if<Problem>(&base)) co_return std::move(*problem);
    const AgentId id = agent_of(call);
    auto asked = call.stores.agents().set_own(call.tenant(), id, call.actor());
    const bool done = co_await std::move(asked);
    if (!done) {
        co_return Problem{409, "agent.not_published",
                          "nothing of it is published yet, so that it could answer; publish it first"};
    }
    auto answered = answer_with(call, id);
    co_return co_await std::move(answered);
}

Task<ApiResult> list_versions(ApiCall& call) {
    std::optional<std::int64_t> before;
    if (call.after) {
        const auto& key = *call.after;
        int version = 0;
        const auto parsed = std::from_chars(key.data(), key.data() + key.size(), version);
        if (parsed.ec != std::errc()) co_return bad_cursor();
        before = version;
    }
    auto looked = call.stores.agents().find(call.tenant(), agent_of(call));
    const auto agent = co_await std::move(looked);
    if (!agent) co_return none(agent_of(call));
    auto asked = call.stores.agents().versions(call.tenant(), agent_of(call), before, call.limit() + 1);
    const auto rows = co_await std::move(asked);
    co_return page(
        call, rows, [](const AgentVersion& row) { return json_of(row); },
        [](const AgentVersion& row) { return std::to_string(row.version); });
}

Task<ApiResult> read_version(ApiCall& call) {
    auto asked = call.stores.agents().version(call.tenant(), agent_of(call), call.whole("version", 0));
    const auto found = co_await std::move(asked);
    if (!found) {
        co_return not_found(
            "Agent", agent_of(call).to_string() + ", version " + std::string(call.parameter("version")));
    }
    JsonObject body;
    body.number("version", found->version.version);
    add_time(body, "published_at", found->version.published);
    co_return Answer{.body = body.raw("settings", agent_settings_json(found->settings)).str()};
}

Task<ApiResult> remove(ApiCall& call) {
    auto asked = call.stores.agents().remove(call.tenant(), agent_of(call), call.now, call.actor());
    const auto done = co_await std::move(asked);
    if (!done) co_return problem_of_agent(done.error(), agent_of(call));
    co_return Answer{.status = 204};
}

}  // namespace

void add_agent_handlers(ApiHandlers& handlers, const AgentMeans& means) {
    handlers["list_agent_templates"] = list_templates;
    handlers["list_agents"] = list;
    handlers["add_agent"] = add(means);
    handlers["read_agent"] = read;
    handlers["change_agent"] = change(means);
    handlers["remove_agent"] = remove;
    handlers["publish_agent"] = publish(means);
    handlers["roll_back_agent"] = roll_back(means);
    handlers["make_agent_default"] = make_default;
    handlers["list_agent_versions"] = list_versions;
    handlers["read_agent_version"] = read_version;
}

}  // namespace relevo
