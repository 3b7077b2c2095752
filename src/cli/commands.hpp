#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/command_line.hpp"

namespace relevo {

/// What the file of a command works with. Its `add_` function says what the command is called, takes and
/// does; its options live in a shared_ptr that the action holds.
class Commands {
  public:
    /// Returns the exit code; prints to standard output; what goes wrong is thrown as Failure, wrong use as
    /// cli/usage.hpp says.
    using Action = std::function<int()>;

    explicit Commands(const Backend& backend);
    Commands(const Commands&) = delete;
    Commands& operator=(const Commands&) = delete;

    /// `example` is what an operator would type, without the program's name. Where `parent` is a command
    /// with an action of its own, that is done only without this one.
    CLI::App* add(CLI::App& parent, const std::string& name, const std::string& help,
                  const std::string& example, Action action);
    /// A command with commands of its own.
    CLI::App* add_group(const std::string& name, const std::string& help);
    /// --json, for the command that asks json().
    void takes_json(CLI::App* command);
    bool json() const { return json_; }

    CLI::App& root() { return app_; }
    const Backend& backend() const { return backend_; }
    /// As --config names it. Throws Failure "config.invalid".
    Config config() const;
    const std::string& config_file() const { return config_file_; }
    /// Of the configuration's folder.
    std::vector<PipelineSpec> pipelines() const;

    int run(int argc, const char* const* argv);

  private:
    const Backend& backend_;
    CLI::App app_{"relevo: from a customer's message to the shop's answer, over Kafka"};
    std::string config_file_ = "relevo.yaml";
    bool json_ = false;
    Action action_;
};

/// For an option that must say something.
inline CLI::Validator not_empty() {
    return CLI::Validator([](const std::string& text) { return text.empty() ? "is empty" : ""; }, "");
}

// One file a command, or a family of them.
void add_run(Commands& commands);
void add_topics(Commands& commands);
void add_migrate(Commands& commands);
void add_shops(Commands& commands);
void add_check(Commands& commands);
void add_doctor(Commands& commands);
void add_completion(Commands& commands);
void add_lag(Commands& commands);
void add_why(Commands& commands);
void add_trace(Commands& commands);
void add_audit(Commands& commands);
void add_dead(Commands& commands);
void add_prove(Commands& commands);
void add_pause(Commands& commands);
void add_replay(Commands& commands);
void add_vault(Commands& commands);
void add_people(Commands& commands);
void add_keys(Commands& commands);
void add_operators(Commands& commands);
void add_changes(Commands& commands);
void add_agents(Commands& commands);
void add_prices(Commands& commands);
void add_budgets(Commands& commands);
void add_usage(Commands& commands);
void add_person(Commands& commands);
void add_version(Commands& commands);

/// Every *.yaml of the folder, in the order of their names. Throws Failure "pipeline.invalid".
std::vector<PipelineSpec> load_pipelines(const std::filesystem::path& folder);
/// The same folder's files. Throws as above where it has none.
std::vector<std::filesystem::path> pipeline_files(const std::filesystem::path& folder);

}  // namespace relevo
