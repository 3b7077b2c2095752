#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/agent_file.hpp"
#include "cli/commands.hpp"
#include "cli/usage.hpp"
#include "core/json_object.hpp"
#include "domain/agent_settings.hpp"

namespace relevo {
namespace {

struct AgentOptions {
    std::string shop;
    std::string agent;
    std::string file;
    std::string from_template;
    int version = 0;  // 0: none was named
    int from = 0;
    int to = 0;
    bool draft = false;
};

std::string version_text(int version) {
    return version == 0 ? "not published" : fmt::format("version {}", version);
}

std::string line_json(const AgentLine& line) {
    return JsonObject()
        .text("name", line.name)
        .number("version", line.version)
        .flag("own", line.own)
        .text("role", line.role)
        .text("provider", line.provider)
        .text("model", line.model)
        .flag("has_draft", line.has_draft)
        .raw("answers", json_texts(line.answers))
        .time("updated_ms", line.updated)
        .str();
}

int list(AgentBook& book, const AgentOptions& options, bool json) {
    std::vector<std::string> items;
    for (const auto& line : book.list(options.shop)) {
        items.push_back(line_json(line));
        if (json) continue;
        fmt::print("{:<20} {:<14} {:<8} {} {}{}{}\n", line.name, version_text(line.version), line.role,
                   line.provider, line.model,
                   line.answers.empty() ? "" : fmt::format(", answers {}", fmt::join(line.answers, " ")),
                   line.has_draft ? ", has a draft" : "");
    }
    if (json) fmt::print("{}\n", json_array(items));
    if (!json && items.empty()) fmt::print("{} has no agents\n", options.shop);
    return 0;
}

void print_fields(const AgentSpec& agent) {
    for (const auto& [name, text] : agent_fields(agent)) {
        const bool lines = text.find('\n') != std::string::npos;
        fmt::print("{}:{}{}\n", name, text.empty() ? "" : lines ? "\n" : " ", text);
    }
}

int list_templates(AgentBook& book, bool json) {
    std::vector<std::string> items;
    for (const auto& [name, settings] : book.templates()) {
        items.push_back(JsonObject().text("name", name).raw("settings", agent_json(settings)).str());
        if (!json) {
            fmt::print("{:<8} temperature {}, tools {}\n", name, settings.temperature,
                       fmt::join(settings.tools, ", "));
        }
    }
    if (json) fmt::print("{}\n", json_array(items));
    return 0;
}

Failure no_such(const AgentOptions& options, const char* what) {
    return Failure({Fault::permanent, "agent.unknown_version",
                    fmt::format("agent '{}' of {} has no {}", options.agent, options.shop, what)});
}

// The version of that number; 0: the draft, else what is published.
AgentSpec settings_of(AgentBook& book, const AgentOptions& options, int version, bool draft) {
    if (version > 0) return book.version(options.shop, options.agent, version);
    AgentRecord known = book.get(options.shop, options.agent);
    auto& wanted = draft ? known.draft : known.published;
    if (!wanted) throw no_such(options, draft ? "draft" : "published version");
    return std::move(*wanted);
}

int show(AgentBook& book, const AgentOptions& options, bool json) {
    const AgentRecord known = book.get(options.shop, options.agent);
    const bool draft = options.draft || (options.version == 0 && !known.published);
    const AgentSpec settings = settings_of(book, options, options.version, draft);
    std::vector<std::string> versions;
    for (const auto& it : known.versions) {
        versions.push_back(
            JsonObject().number("version", it.version).time("published_ms", it.published).str());
    }
    if (json) {
        fmt::print("{}\n", JsonObject()
                               .raw("agent", line_json(known.line))
                               .raw("settings", agent_json(settings))
                               .raw("versions", json_array(versions))
                               .str());
        return 0;
    }
    fmt::print("{}, {}{}\n", known.line.name, version_text(known.line.version),
               known.line.has_draft ? ", has a draft" : "");
    for (const auto& it : known.versions)
        fmt::print("  version {} of {}\n", it.version, to_iso8601(it.published));
    fmt::print("{}:\n", draft ? "the draft"
                              : version_text(options.version > 0 ? options.version : known.line.version));
    print_fields(settings);
    return 0;
}

void print_changes(const std::vector<AgentChange>& changes, bool json) {
    std::vector<std::string> items;
    for (const auto& [field, before, after] : changes) {
        items.push_back(JsonObject().text("field", field).text("before", before).text("after", after).str());
        if (!json) fmt::print("{}\n  - {}\n  + {}\n", field, before, after);
    }
    if (json) fmt::print("{}\n", json_array(items));
    if (!json && items.empty()) fmt::print("nothing differs\n");
}

int diff(AgentBook& book, const AgentOptions& options, bool json) {
    const AgentSpec before = settings_of(book, options, options.from, false);
    const AgentSpec after = settings_of(book, options, options.to, options.to == 0);
    print_changes(agent_changes(before, after), json);
    return 0;
}

AgentSpec from_template(AgentBook& book, const std::string& name) {
    auto templates = book.templates();
    const auto found = std::ranges::find(templates, name, &AgentTemplate::name);
    if (found != templates.end()) return std::move(found->settings);
    std::vector<std::string> known;
    for (const auto& it : templates) known.push_back(it.name);
    throw misused(fmt::format("there is no template '{}'; known: {}", name, fmt::join(known, ", ")));
}

// Over the template that is named, else over what the agent is now: its draft, or what is published.
AgentSpec base_of(AgentBook& book, const AgentOptions& options) {
    if (!options.from_template.empty()) return from_template(book, options.from_template);
    for (const auto& line : book.list(options.shop)) {
        if (line.name != options.agent) continue;
        AgentRecord known = book.get(options.shop, options.agent);
        if (known.draft) return std::move(*known.draft);
        if (known.published) return std::move(*known.published);
    }
    return {};
}

int draft(AgentBook& book, const AgentMeans& means, const AgentOptions& options, bool json) {
    if (options.file.empty() && options.from_template.empty())
        throw misused(
            "expected a file, or --template and the name of one: relevo agents templates lists them");
    AgentSpec agent = base_of(book, options);
    if (!options.file.empty()) agent = load_agent(options.file, means, agent).value();
    agent.name = options.agent;
    book.draft(options.shop, agent);
    const AgentRecord known = book.get(options.shop, options.agent);
    if (!json) fmt::print("the draft of {} differs from what is published in:\n", options.agent);
    print_changes(agent_changes(known.published.value_or(AgentSpec()), agent), json);
    return 0;
}

int print_published(const AgentOptions& options, int version, bool json) {
    if (json) {
        fmt::print("{}\n", JsonObject().text("agent", options.agent).number("version", version).str());
    } else {
        fmt::print("{} is version {} now: turns that begin from now on have it\n", options.agent, version);
    }
    return 0;
}

}  // namespace

void add_agents(Commands& commands) {
    auto* group = commands.add_group("agents", "The shops' agents: drafts, and published versions");
    auto options = std::make_shared<AgentOptions>();
    const auto book = [&commands] { return commands.backend().agents(commands.config()); };
    auto* templates = commands.add(*group, "templates", "What an agent can be begun from", "agents templates",
                                   [&commands, book] { return list_templates(*book(), commands.json()); });
    const auto with = [&commands, book, options](int (*action)(AgentBook&, const AgentOptions&, bool json)) {
        return [&commands, book, options, action] { return action(*book(), *options, commands.json()); };
    };
    auto* listing = commands.add(*group, "list", "A shop's agents, and where each answers",
                                 "agents list myshop", with(list));
    auto* showing = commands.add(*group, "show", "What an agent is, and which versions of it there are",
                                 "agents show myshop Ana --version 3", with(show));
    auto* drafting =
        commands.add(*group, "draft",
                     "Keep what would be published: a file over a template, or over what the agent is. It "
                     "answers nobody yet",
                     "agents draft myshop Ana agent.yaml --template sales", [&commands, book, options] {
                         return draft(*book(), commands.backend().agent_means(commands.config()), *options,
                                      commands.json());
                     });
    auto* differing =
        commands.add(*group, "diff", "What differs between two versions; by default published and draft",
                     "agents diff myshop Ana --from 2 --to 3", with(diff));
    auto* publishing = commands.add(
        *group, "publish",
        "Make the draft the newest version. Refused where it names a provider whose key is missing",
        "agents publish myshop Ana", [&commands, book, options] {
            return print_published(*options, book()->publish(options->shop, options->agent), commands.json());
        });
    auto* returning = commands.add(*group, "rollback", "Make what an earlier version was the newest one",
                                   "agents rollback myshop Ana 2", [&commands, book, options] {
                                       const int made =
                                           book()->rollback(options->shop, options->agent, options->version);
                                       return print_published(*options, made, commands.json());
                                   });
    for (auto* command : {listing, showing, drafting, differing, publishing, returning}) {
        command->add_option("shop", options->shop, "Its slug")->required();
        if (command != listing)
            command->add_option("agent", options->agent, "Its name")->required()->check(not_empty());
    }
    const auto positive = CLI::Range(1, 1'000'000'000);
    drafting
        ->add_option("file", options->file,
                     "YAML: what a shop's file says of its agent; also prompt, disclosure, channels")
        ->check(CLI::ExistingFile);
    drafting->add_option("--template", options->from_template,
                         "Its settings are what the file does not state");
    showing->add_option("--version", options->version, "That one instead of the published")->check(positive);
    showing->add_flag("--draft", options->draft, "The draft instead of the published")->excludes("--version");
    differing->add_option("--from", options->from, "A version; without it what is published")
        ->check(positive);
    differing->add_option("--to", options->to, "A version; without it the draft")->check(positive);
    returning->add_option("version", options->version, "The one that it shall be again")
        ->required()
        ->check(positive);
    for (auto* command : {templates, listing, showing, drafting, differing, publishing, returning})
        commands.takes_json(command);
}

}  // namespace relevo
