#include "cli/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"

namespace relevo {
namespace {

// In the order of --help.
constexpr void (*all_commands[])(Commands&) = {
    add_run,    add_lag,    add_pause,   add_why,   add_trace,      add_audit,
    add_dead,   add_replay, add_doctor,  add_prove, add_shops,      add_vault,
    add_person, add_topics, add_migrate, add_check, add_completion, add_version,
};

}  // namespace

Commands::Commands(const Backend& backend) : backend_(backend) {
    app_.require_subcommand(1);
    app_.fallthrough();  // --config may stand behind the command as well
    app_.set_help_all_flag("--help-all", "Help for every command");
    app_.add_option("-c,--config", config_file_, "The installation's settings")->capture_default_str();
    for (const auto add_command : all_commands) add_command(*this);
}

CLI::App* Commands::add(CLI::App& parent, const std::string& name, const std::string& help,
                        const std::string& example, Action action) {
    auto* sub = parent.add_subcommand(name, help);
    sub->footer("Example: relevo " + example);
    sub->callback([this, action = std::move(action)] { action_ = action; });
    return sub;
}

CLI::App* Commands::add_group(const std::string& name, const std::string& help) {
    auto* sub = app_.add_subcommand(name, help);
    sub->require_subcommand(1);
    return sub;
}

void Commands::takes_json(CLI::App* command) {
    command->add_flag("--json", json_, "Print JSON");
}

Config Commands::config() const {
    if (!std::filesystem::exists(config_file_)) {
        throw Failure({Fault::permanent, "config.invalid",
                       config_file_ + ": no such file; name the installation's settings with --config FILE"});
    }
    return load_config(config_file_).value();
}

std::vector<PipelineSpec> Commands::pipelines() const {
    return load_pipelines(config().pipelines);
}

int Commands::run(int argc, const char* const* argv) {
    try {
        app_.parse(argc, argv);
    } catch (const CLI::RequiredError& error) {
        const auto unknown = app_.remaining();
        if (unknown.empty()) return app_.exit(error) == 0 ? 0 : 2;
        fmt::print(stderr, "there is no command '{}'; relevo --help lists them\n", unknown.front());
        return 2;
    } catch (const CLI::ParseError& error) {
        return app_.exit(error) == 0 ? 0 : 2;
    }
    return action_();
}

std::vector<std::filesystem::path> pipeline_files(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".yaml") files.push_back(entry.path());
    }
    if (files.empty()) {
        throw Failure(
            {Fault::permanent, "pipeline.invalid", folder.string() + ": no pipeline files (*.yaml) here"});
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::vector<PipelineSpec> load_pipelines(const std::filesystem::path& folder) {
    std::vector<PipelineSpec> out;
    for (const auto& file : pipeline_files(folder)) out.push_back(load_pipeline(file).value());
    return out;
}

int run_command_line(int argc, const char* const* argv, const Backend& backend) {
    Commands commands(backend);
    try {
        return commands.run(argc, argv);
    } catch (const Failure& failure) {
        fmt::print(stderr, "relevo: {} ({})\n", failure.error().text, failure.error().code);
        return 1;
    }
}

}  // namespace relevo
