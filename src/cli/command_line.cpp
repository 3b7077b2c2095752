#include "cli/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/commands.hpp"

namespace relevo {
namespace {

// Everything that the command line can say. CLI11 fills it; the chosen command reads it.
struct Arguments {
    std::string config_file = "relevo.yaml";
    bool json = false;
    RunOptions run;
    ShopOptions shops;
    std::vector<std::string> files;
};

class CommandLine {
  public:
    CommandLine(const Backend& backend, Arguments& arguments) : backend_(backend), arguments_(arguments) {
        app_.require_subcommand(1);
        app_.fallthrough();  // --config may stand behind the command as well
        app_.set_help_all_flag("--help-all", "Help for every command");
        app_.add_option("-c,--config", arguments_.config_file, "The installation's settings")
            ->capture_default_str();
        add_run();
        add_topics();
        add_migrate();
        add_shops();
        add_check();
        auto* lag =
            command(app_, "lag", "How far each group is: behind (in the log) and held (taken, not settled)",
                    [this] { return show_lag(*cluster(), pipelines(), arguments_.json); });
        json_flag(lag);
        command(app_, "version", "Print the version", [this] {
            fmt::print("relevo {}\n", backend_.version);
            return 0;
        });
    }

    int run(int argc, const char* const* argv) {
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
        return chosen_();
    }

  private:
    CLI::App* command(CLI::App& parent, const std::string& name, const std::string& help,
                      std::function<int()> action) {
        auto* sub = parent.add_subcommand(name, help);
        sub->callback([this, action = std::move(action)] { chosen_ = action; });
        return sub;
    }

    CLI::App* group(const std::string& name, const std::string& help) {
        auto* sub = app_.add_subcommand(name, help);
        sub->require_subcommand(1);
        return sub;
    }

    void json_flag(CLI::App* sub) { sub->add_flag("--json", arguments_.json, "Print JSON"); }

    void add_run() {
        auto* run =
            command(app_, "run",
                    "Run stages until SIGTERM; more processes share the work. Without names: all of them",
                    [this] { return backend_.run(config(), pipelines(), arguments_.run); });
        run->add_option("stage", arguments_.run.stages,
                        "Which stages; 'ingress' serves webhooks and sockets");
        run->add_option("--workers", arguments_.run.workers,
                        "Threads a stage, instead of the pipeline file's")
            ->check(CLI::Range(1, 64));
        run->add_option("--http-port", arguments_.run.http_port,
                        "Instead of the configured one; without it a taken port is replaced by a free one");
        run->add_flag("--demo", arguments_.run.demo, "Serve the page /demo, to this machine only");
    }

    void add_topics() {
        auto* topics = group("topics", "The pipelines' topics in the cluster");
        json_flag(command(*topics, "list",
                          "Compare the cluster with the pipeline files; exit code 1: they differ",
                          [this] { return list_topics(*cluster(), pipelines(), arguments_.json); }));
        command(*topics, "apply", "Create what is missing and give new groups their first offsets",
                [this] { return apply_topics(*cluster(), pipelines(), config().replication); });
    }

    void add_migrate() {
        auto* migrate = group("migrate", "The database's tables");
        json_flag(command(*migrate, "status", "Which migrations are applied; exit code 1: some are not",
                          [this] { return show_migrations(*backend_.schema(config()), arguments_.json); }));
        command(*migrate, "up", "Apply what is missing",
                [this] { return apply_migrations(*backend_.schema(config())); });
    }

    void add_shops() {
        auto* shops = group("shops", "Tenants with their accounts, agent, secrets and catalogue");
        auto* apply =
            command(*shops, "apply", "Make the shops of these files, or what changed of them", [this] {
                arguments_.shops.json = arguments_.json;
                return apply_shops(*backend_.shops(config()), config(), arguments_.shops);
            });
        ShopOptions& options = arguments_.shops;
        apply->add_option("file", options.files, "YAML, one shop each")->required()->check(CLI::ExistingFile);
        apply->add_option("--quiet-ms", options.quiet_ms, "Every agent's window of silence")
            ->check(CLI::Range(0, 120'000));
        apply->add_option("--model-url", options.model_url,
                          "An OpenAI-compatible server answers for the agents");
        apply->add_option("--model", options.model, "The model's name there");
        apply->add_option("--model-key-file", options.model_key_file, "A file whose first line is its key");
        json_flag(apply);
        json_flag(
            command(*shops, "list", "Addresses and keys; with --json also the secrets that verify webhooks",
                    [this] { return list_shops(*backend_.shops(config()), config(), arguments_.json); }));
    }

    void add_check() {
        auto* check = command(
            app_, "check", "Check pipeline files, or the configuration and its pipelines",
            [this] { return check_files(arguments_.config_file, arguments_.files, backend_.stages); });
        check->add_option("file", arguments_.files, "Pipeline files");
    }

    Config config() const {
        if (!std::filesystem::exists(arguments_.config_file)) {
            throw Failure({Fault::permanent, "config.invalid",
                           arguments_.config_file +
                               ": no such file; name the installation's settings with --config FILE"});
        }
        return load_config(arguments_.config_file).value();
    }
    std::vector<PipelineSpec> pipelines() const { return load_pipelines(config().pipelines); }
    std::unique_ptr<Cluster> cluster() const { return backend_.cluster(config()); }

    const Backend& backend_;
    Arguments& arguments_;
    CLI::App app_{"relevo: from a customer's message to the shop's answer, over Kafka"};
    std::function<int()> chosen_;
};

}  // namespace

std::vector<PipelineSpec> load_pipelines(const std::filesystem::path& folder) {
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
    std::vector<PipelineSpec> out;
    for (const auto& file : files) out.push_back(load_pipeline(file).value());
    return out;
}

int run_command_line(int argc, const char* const* argv, const Backend& backend) {
    Arguments arguments;
    CommandLine line(backend, arguments);
    try {
        return line.run(argc, argv);
    } catch (const Failure& failure) {
        fmt::print(stderr, "relevo: {} ({})\n", failure.error().text, failure.error().code);
        return 1;
    }
}

}  // namespace relevo
