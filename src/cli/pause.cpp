#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/usage.hpp"
#include "core/json_object.hpp"
#include "domain/records.hpp"

namespace relevo {
namespace {

struct PauseOptions {
    std::string stage;
    std::string shop;
    std::string reason;
    std::string by;
};

std::string this_user() {
    const passwd* user = ::getpwuid(::geteuid());
    return user ? user->pw_name : std::to_string(::geteuid());
}

const StageSpec& find_stage(const std::vector<PipelineSpec>& pipelines, const PauseOptions& options) {
    std::string known;
    for (const auto& pipeline : pipelines) {
        for (const auto& stage : pipeline.stages) {
            known += " " + stage.name;
            if (stage.name != options.stage) continue;
            if (!options.shop.empty() && !names_tenant(stage.input)) {
                throw misused("the records of " + stage.input + ", which " + stage.name +
                              " reads, name no shop yet: pause the whole stage, or one shop in a later one");
            }
            return stage;
        }
    }
    throw misused("there is no stage '" + options.stage + "'; known:" + known);
}

int list(PauseBook& book, bool json) {
    std::vector<std::string> items;
    for (const auto& pause : book.list()) {
        items.push_back(JsonObject()
                            .text("stage", pause.stage)
                            .text_if_any("shop", pause.shop)
                            .time("since_ms", pause.since)
                            .text("by", pause.by)
                            .text("reason", pause.reason)
                            .str());
        if (json) continue;
        fmt::print("{:<10} {:<16} since {} by {}{}\n", pause.stage, pause.shop.empty() ? "all" : pause.shop,
                   to_iso8601(pause.since), pause.by, pause.reason.empty() ? "" : ": " + pause.reason);
    }
    if (json) fmt::print("{}\n", json_array(items));
    if (!json && items.empty()) fmt::print("nothing is paused\n");
    return 0;
}

// One that gives none leaves the one that is there.
std::string reason_for(PauseBook& book, const PauseOptions& options) {
    if (!options.reason.empty()) return options.reason;
    for (const auto& pause : book.list()) {
        if (pause.stage == options.stage && pause.shop == options.shop) return pause.reason;
    }
    return {};
}

int pause(const Commands& commands, const PauseOptions& options) {
    if (options.stage.empty()) throw misused("expected a stage to pause, or list");
    find_stage(commands.pipelines(), options);
    const auto book = commands.backend().pauses(commands.config());
    book->pause({options.stage,
                 options.shop,
                 options.by.empty() ? this_user() : options.by,
                 reason_for(*book, options),
                 {}});
    return list(*book, commands.json());
}

int resume(const Commands& commands, const PauseOptions& options) {
    const auto pipelines = commands.pipelines();  // `stage` is one of theirs
    const StageSpec& stage = find_stage(pipelines, options);
    const auto book = commands.backend().pauses(commands.config());
    if (!book->resume(stage.name, stage.input, options.shop)) {
        fmt::print(stderr, "{}{} was not paused\n", stage.name,
                   options.shop.empty() ? "" : " for " + options.shop);
    }
    return list(*book, commands.json());
}

}  // namespace

void add_pause(Commands& commands) {
    auto options = std::make_shared<PauseOptions>();
    auto* pausing = commands.add(
        commands.root(), "pause",
        "Let a stage begin nothing, or nothing of one shop, within two seconds in every process and across "
        "restarts; its records wait in the log, in their order",
        "pause relay --reason 'wrong prices'", [&commands, options] { return pause(commands, *options); });
    auto* resuming =
        commands.add(commands.root(), "resume",
                     "Go on with what was paused, in its order; what expired meanwhile is not sent",
                     "resume relay", [&commands, options] { return resume(commands, *options); });
    for (auto* command : {pausing, resuming}) {
        auto* stage =
            command->add_option("stage", options->stage, "The stage, as the pipeline file names it");
        stage->required(command == resuming);  // else `pause list` would need one
        command->add_option("--tenant", options->shop, "The slug of one shop; of buffer and what follows");
        commands.takes_json(command);
    }
    pausing->add_option("--reason", options->reason, "Why, for whoever finds it paused");
    pausing->add_option("--by", options->by, "Who says so; the system's user where it is not given");
    commands.takes_json(commands.add(*pausing, "list", "What is paused, since when, by whom and why",
                                     "pause list", [&commands] {
                                         const auto book = commands.backend().pauses(commands.config());
                                         return list(*book, commands.json());
                                     }));
}

}  // namespace relevo
