#include <fmt/format.h>

#include "cli/commands.hpp"

namespace relevo {

int check_files(const std::string& config_file, const std::vector<std::string>& files) {
    std::vector<std::filesystem::path> pipelines(files.begin(), files.end());
    if (files.empty()) {
        const Config config = load_config(config_file).value();
        fmt::print("{}: correct\n", config_file);
        for (const auto& pipeline : load_pipelines(config.pipelines)) pipelines.push_back(pipeline.file);
    }
    int wrong = 0;
    for (const auto& file : pipelines) {
        const auto pipeline = load_pipeline(file);
        if (pipeline) {
            fmt::print("{}: correct, {} topics, {} stages\n", file.string(), pipeline->topics.size(),
                       pipeline->stages.size());
        } else {
            fmt::print(stderr, "{}\n", pipeline.error().text);
            ++wrong;
        }
    }
    return wrong == 0 ? 0 : 1;
}

}  // namespace relevo
