#include "cli/commands.hpp"
#include "core/log.hpp"

namespace relevo {

void add_run(Commands& commands) {
    auto options = std::make_shared<RunOptions>();
    auto* run = commands.add(
        commands.root(), "run",
        "Run stages until SIGTERM, and ten seconds at most to end their work; more processes share it. "
        "Without names: all of them",
        "run infer --workers 4", [&commands, options] {
            set_log_level(LogLevel::info);
            return commands.backend().run(commands.config(), commands.pipelines(), *options);
        });
    run->add_option("stage", options->stages, "Which stages; 'ingress' serves webhooks and sockets");
    run->add_option("--workers", options->workers, "Threads a stage, instead of the pipeline file's")
        ->check(CLI::Range(1, 64));
    run->add_option("--http-port", options->http_port,
                    "Instead of the configured one; without it a taken port is replaced by a free one");
    run->add_flag("--demo", options->demo, "Serve the page /demo, to this machine only");
}

}  // namespace relevo
