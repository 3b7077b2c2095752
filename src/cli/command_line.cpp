#include "cli/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "cli/commands.hpp"
#include "cli/usage.hpp"
#include "core/json_object.hpp"
#include "core/log.hpp"

namespace relevo {
namespace {

// In the order of --help.
constexpr void (*all_commands[])(Commands&) = {
    add_run,    add_lag,     add_pause,  add_why,        add_trace,   add_audit,     add_usage,
    add_dead,   add_replay,  add_doctor, add_prove,      add_shops,   add_agents,    add_vault,
    add_prices, add_budgets, add_person, add_people,     add_keys,    add_operators, add_changes,
    add_topics, add_migrate, add_check,  add_completion, add_version,
};

constexpr auto exit_codes =
    "Exit codes: 0 done; 1 it failed, or what it shows is wrong; 2 used wrongly\n"
    "With --json an error is one line on standard error: {\"error\":{\"code\":…,\"text\":…}}";

// Also where the line could not be read, so that --json is not known from it.
bool asks_for_json(int argc, const char* const* argv) {
    return std::any_of(argv, argv + argc, [](std::string_view word) { return word == "--json"; });
}

int exit_code(const Error& error) {
    return error.code == misuse_code ? 2 : 1;
}

void print_error(const Error& error, bool json) {
    if (json) {
        const auto what = JsonObject().text("code", error.code).text("text", error.text).str();
        fmt::print(stderr, "{}\n", JsonObject().raw("error", what).str());
    } else {
        fmt::print(stderr, "relevo: {} ({})\n", error.text, error.code);
    }
}

}  // namespace

Commands::Commands(const Backend& backend) : backend_(backend) {
    app_.require_subcommand(1);
    app_.fallthrough();  // --config may stand behind the command as well
    app_.set_help_all_flag("--help-all", "Help for every command");
    app_.add_option("-c,--config", config_file_, "The installation's settings")->capture_default_str();
    for (const auto add_command : all_commands) add_command(*this);
    app_.footer(exit_codes);  // last: a command begins with its parent's
}

CLI::App* Commands::add(CLI::App& parent, const std::string& name, const std::string& help,
                        const std::string& example, Action action) {
    auto* sub = parent.add_subcommand(name, help);
    sub->footer("Example: relevo " + example);
    // a group shows its first command's
    if (&parent != &app_ && parent.get_footer().empty()) parent.footer(sub->get_footer());
    // a parent is called after its child
    sub->callback([this, sub, action = std::move(action)] {
        if (sub->get_subcommands().empty()) action_ = action;
    });
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
    set_log_level(LogLevel::error);  // a command says itself what failed; one that goes on raises it
    try {
        app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app_.exit(error);  // help
        const auto unknown = app_.remaining();
        if (dynamic_cast<const CLI::RequiredError*>(&error) && !unknown.empty()) {
            throw misused("there is no command '" + unknown.front() + "'; relevo --help lists them");
        }
        throw misused(fmt::format("{}; --help behind the command tells more", error.what()));
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
        print_error(failure.error(), asks_for_json(argc, argv));
        return exit_code(failure.error());
    }
}

}  // namespace relevo
