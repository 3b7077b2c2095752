#include "cli/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "cli/commands.hpp"
#include "cli/moments.hpp"
#include "cli/progress.hpp"
#include "cli/usage.hpp"
#include "domain/prompt.hpp"
#include "domain/records.hpp"

namespace relevo {
namespace {

struct ReplayOptions {
    std::string topic, stage, from, to = "now", key, shop, conversation, prompt_file, html;
    int last = 0;
    TurnReplay turns;
    bool text = false;
};

Failure refused(std::string text) {
    return Failure({Fault::permanent, "replay.refused", std::move(text)});
}

const StageSpec& stage_that_reads(const std::vector<PipelineSpec>& pipelines, const ReplayOptions& options) {
    for (const auto& pipeline : pipelines) {
        const StageSpec* stage = pipeline.find_stage(options.stage);
        if (!stage) continue;
        if (stage->input == options.topic) return *stage;
        throw misused("the stage " + stage->name + " reads " + stage->input + ", not " + options.topic);
    }
    throw misused("--stage: there is no stage '" + options.stage + "'");
}

int replay_topic(const Commands& commands, const ReplayOptions& options) {
    const auto pipelines = commands.pipelines();
    if (options.stage.empty() || options.from.empty())
        throw misused("a topic's replay needs --stage and --from");
    const StageSpec& stage = stage_that_reads(pipelines, options);
    if (!options.shop.empty() && !names_tenant(stage.input)) {
        throw misused("the records of " + stage.input + " name no shop yet: choose by --key");
    }
    const SysTime now = SystemClock().now();
    const StageReplay request{stage, parse_moment(options.from, now), parse_moment(options.to, now),
                              options.key, options.shop};
    if (request.from > request.to) throw misused("--from is later than --to");
    std::size_t count = 0;
    std::map<std::string, std::size_t> outcomes;
    commands.backend().replay_stage(commands.config(), request, [&](const ReplayedWork& work) {
        count += work.records.size();
        ++outcomes[work.outcome];
        fmt::print("{}\n", commands.json() ? work_json(work, options.text) : show_work(work, options.text));
        return true;
    });
    std::string sums;
    for (const auto& [outcome, times] : outcomes) sums += fmt::format(", {} {}", times, outcome);
    fmt::print(stderr, "{} records{}; nothing was stored, produced or sent\n", count, sums);
    return outcomes.contains("failure") ? 1 : 0;
}

std::string what_is_asked(const ReplayOptions& options) {
    std::string out;
    const auto add = [&](const std::string& what) { out += (out.empty() ? "" : ", ") + what; };
    const TurnReplay& turns = options.turns;
    if (turns.agent_version) add(fmt::format("agent version {}", *turns.agent_version));
    if (turns.prompt) add("the prompt of " + options.prompt_file);
    if (turns.provider) add("provider " + *turns.provider);
    if (turns.model) add("model " + *turns.model);
    return out.empty() ? "what was frozen" : out;
}

TurnReplay turns_of(const ReplayOptions& options) {
    TurnReplay turns = options.turns;
    turns.shop = options.shop;
    if (options.last > 0) turns.last = options.last;
    if (!options.conversation.empty()) {
        turns.conversation = ConversationId::parse(options.conversation);
        if (!turns.conversation) throw misused("--conversation '" + options.conversation + "' is no id");
    }
    if (!options.prompt_file.empty()) {
        std::ifstream in(options.prompt_file);
        turns.prompt = std::string(std::istreambuf_iterator<char>(in), {});
        const auto mistake = prompt_mistake(*turns.prompt);
        if (!mistake.empty()) throw misused("--prompt " + options.prompt_file + ": " + mistake);
    }
    return turns;
}

int replay_turns(const Commands& commands, ReplayOptions options) {
    options.turns = turns_of(options);
    TurnReport report{what_is_asked(options), {}, 0, options.text};
    std::optional<Progress> progress(std::in_place);
    const bool done = commands.backend().replay_turns(
        commands.config(), options.turns, [&](ReplayedTurn turn, std::size_t all) {
            report.turns.push_back(std::move(turn));
            report.all = all;
            progress->tell(fmt::format("{} of {}", report.turns.size(), all));
        });
    progress.reset();  // its line ends before the report
    std::stable_sort(report.turns.begin(), report.turns.end(),
                     [](const auto& left, const auto& right) { return left.created < right.created; });
    if (report.turns.empty()) throw refused("no turn that a model answered is found there");
    if (!options.html.empty()) {
        std::ofstream out(options.html, std::ios::binary | std::ios::trunc);
        out << turns_page(report);
        if (!out.flush()) throw refused("--html " + options.html + ": it cannot be written");
    }
    fmt::print("{}", commands.json() ? turns_json(report) + "\n" : show_turns(report));
    return done && total(report.turns).failed == 0 ? 0 : 1;
}

int replay(const Commands& commands, const ReplayOptions& options) {
    const bool turns = !options.conversation.empty() || options.last > 0;
    if (turns == !options.topic.empty()) {
        throw misused(
            "replay either a TOPIC to its --stage, or the turns of a --conversation or the --last ones");
    }
    if (options.text) commands.backend().check_text_right(commands.config());
    return turns ? replay_turns(commands, options) : replay_topic(commands, options);
}

}  // namespace

void add_replay(Commands& commands) {
    auto options = std::make_shared<ReplayOptions>();
    auto* command = commands.add(
        commands.root(), "replay",
        "Give old records to their stage again, or ask a model again for stored turns, with the shop's own "
        "key, and see what differs. Nothing is stored, produced or sent. Exit code 1: one of them failed, "
        "or it was interrupted; 0: all went through, with the same result or another",
        "replay replies.ready --stage relay --from 15m\n         relevo replay --last 20 --tenant pointe "
        "--model "
        "NAME --html out.html",
        [&commands, options] { return replay(commands, *options); });
    const std::string records = "Records", turns = "Turns";
    command->add_option("topic", options->topic, "Replay this topic's records")->group(records);
    command->add_option("--stage", options->stage, "The stage that reads it")->group(records);
    command->add_option("--from", options->from, "First moment: 15m, 2h, 3d ago, or 2026-11-21T12:00Z")
        ->group(records);
    command->add_option("--to", options->to, "Last moment")->capture_default_str()->group(records);
    command->add_option("--key", options->key, "Only the records of this key")->group(records);
    command->add_option("--conversation", options->conversation, "Replay this conversation's turns")
        ->group(turns);
    command->add_option("--last", options->last, "Replay the newest turns, of that conversation or of all")
        ->check(CLI::Range(1, 10'000))
        ->group(turns);
    command->add_option("--agent", options->turns.agent_version, "Another version of the agent")
        ->group(turns);
    command->add_option("--prompt", options->prompt_file, "A file with another prompt")
        ->check(CLI::ExistingFile)
        ->group(turns);
    command->add_option("--model", options->turns.model, "Another model")->group(turns);
    command->add_option("--provider", options->turns.provider, "Another provider, as an agent names it")
        ->group(turns);
    command->add_option("--html", options->html, "Write the comparison to this file as a page")->group(turns);
    command->add_option("--parallel", options->turns.parallel, "Model calls at the same time")
        ->check(CLI::Range(1, 64))
        ->capture_default_str()
        ->group(turns);
    command->add_option("--tenant", options->shop, "Only this shop's, by its slug");
    command->add_flag("--show-text", options->text,
                      "With what people wrote; needs postgres.operator_text_url in the configuration");
    commands.takes_json(command);
}

}  // namespace relevo
