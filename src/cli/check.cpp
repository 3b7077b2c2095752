#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

struct Checked {
    std::string file;
    std::string text;  ///< what it has, or what is wrong with it
    bool correct = false;
};

Checked check_pipeline(const std::filesystem::path& file, const std::vector<std::string>& stages) {
    const auto pipeline = load_pipeline(file);
    if (!pipeline) return {file.string(), pipeline.error().text, false};
    std::string unknown;
    for (const auto& stage : pipeline->stages) {
        if (std::find(stages.begin(), stages.end(), stage.name) != stages.end()) continue;
        unknown += fmt::format("{}{}: there is no stage '{}'; there are: {}", unknown.empty() ? "" : "\n",
                               file.string(), stage.name, fmt::join(stages, ", "));
    }
    if (!unknown.empty()) return {file.string(), unknown, false};
    return {file.string(),
            fmt::format("{} topics, {} stages", pipeline->topics.size(), pipeline->stages.size()), true};
}

// `files` are pipelines; none means the configuration and the pipelines it names. `stages`: what they may
// name.
int check_files(const std::string& config_file, const std::vector<std::string>& files,
                const std::vector<std::string>& stages, bool json) {
    std::vector<std::filesystem::path> pipelines(files.begin(), files.end());
    std::vector<Checked> all;
    if (files.empty()) {
        const Config config = load_config(config_file).value();
        all.push_back({config_file, "the installation's settings", true});
        pipelines = pipeline_files(config.pipelines);
    }
    for (const auto& file : pipelines) all.push_back(check_pipeline(file, stages));
    std::vector<std::string> items;
    for (const auto& checked : all) {
        items.push_back(JsonObject()
                            .text("file", checked.file)
                            .flag("correct", checked.correct)
                            .text("text", checked.text)
                            .str());
        if (json) continue;
        if (checked.correct) fmt::print("{}: correct, {}\n", checked.file, checked.text);
        if (!checked.correct) fmt::print(stderr, "{}\n", checked.text);
    }
    if (json) fmt::print("{}\n", json_array(items));
    return std::all_of(all.begin(), all.end(), [](const auto& checked) { return checked.correct; }) ? 0 : 1;
}

}  // namespace

void add_check(Commands& commands) {
    auto files = std::make_shared<std::vector<std::string>>();
    auto* check = commands.add(
        commands.root(), "check",
        "Check pipeline files, or the configuration and its pipelines, with file, line and column",
        "check pipelines/conversation.yaml", [&commands, files] {
            return check_files(commands.config_file(), *files, commands.backend().stages, commands.json());
        });
    check->add_option("file", *files, "Pipeline files");
    commands.takes_json(check);
}

}  // namespace relevo
