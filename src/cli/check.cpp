#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"

namespace relevo {
namespace {

// `files` are pipelines; none means the configuration and the pipelines it names. `stages`: what they may
// name.
int check_files(const std::string& config_file, const std::vector<std::string>& files,
                const std::vector<std::string>& stages) {
    std::vector<std::filesystem::path> pipelines(files.begin(), files.end());
    if (files.empty()) {
        const Config config = load_config(config_file).value();
        fmt::print("{}: correct\n", config_file);
        for (const auto& pipeline : load_pipelines(config.pipelines)) pipelines.push_back(pipeline.file);
    }
    int wrong = 0;
    for (const auto& file : pipelines) {
        const auto pipeline = load_pipeline(file);
        const auto is_unknown = [&](const StageSpec& stage) {
            return std::find(stages.begin(), stages.end(), stage.name) == stages.end();
        };
        const auto unknown = pipeline
                                 ? std::find_if(pipeline->stages.begin(), pipeline->stages.end(), is_unknown)
                                 : decltype(pipeline->stages.begin()){};
        if (pipeline && unknown != pipeline->stages.end()) {
            fmt::print(stderr, "{}: there is no stage '{}'; there are: {}\n", file.string(), unknown->name,
                       fmt::join(stages, ", "));
            ++wrong;
        } else if (pipeline) {
            fmt::print("{}: correct, {} topics, {} stages\n", file.string(), pipeline->topics.size(),
                       pipeline->stages.size());
        } else {
            fmt::print(stderr, "{}\n", pipeline.error().text);
            ++wrong;
        }
    }
    return wrong == 0 ? 0 : 1;
}

}  // namespace

void add_check(Commands& commands) {
    auto files = std::make_shared<std::vector<std::string>>();
    auto* check =
        commands.add(commands.root(), "check", "Check pipeline files, or the configuration and its pipelines",
                     "check pipelines/conversation.yaml", [&commands, files] {
                         return check_files(commands.config_file(), *files, commands.backend().stages);
                     });
    check->add_option("file", *files, "Pipeline files");
}

}  // namespace relevo
