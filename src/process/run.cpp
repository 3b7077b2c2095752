#include "process/run.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <set>

#include "core/log.hpp"
#include "gateway/path_event.hpp"
#include "postgres/migrations.hpp"
#include "process/erasure_watch.hpp"
#include "process/front.hpp"
#include "process/retention.hpp"
#include "process/stage_thread.hpp"

namespace relevo {

namespace asio = boost::asio;

namespace {

// A socket for each visitor: as many as the machine allows.
void raise_open_files() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// A database that is away changes nothing: what was known stays.
Task<void> watch_pauses(Shared& shared) {
    constexpr Millis every{2'000};
    for (;;) {
        co_await shared.clock.sleep_until(shared.clock.now() + every);
        try {
            co_await shared.pauses.read();
        } catch (const Failure& failure) {
            log_warn("pauses.unknown", {{"code", failure.error().code}, {"text", failure.error().text}});
        }
    }
}

std::string problem_text(std::exception_ptr problem) {
    try {
        if (problem) std::rethrow_exception(problem);
    } catch (const std::exception& error) {
        return error.what();
    }
    return "it ended";
}

std::set<std::string> chosen_stages(const std::vector<PipelineSpec>& pipelines, const RunOptions& options) {
    std::set<std::string> known{"ingress"};
    for (const auto& pipeline : pipelines) {
        for (const auto& stage : pipeline.stages) known.insert(stage.name);
    }
    if (options.stages.empty()) return known;
    for (const auto& stage : options.stages) {
        if (known.contains(stage)) continue;
        std::string names;
        for (const auto& name : known) names += " " + name;
        throw Failure(
            {Fault::permanent, "run.unknown_stage", "there is no stage '" + stage + "'; known:" + names});
    }
    return {options.stages.begin(), options.stages.end()};
}

}  // namespace

int run(const Config& config, const std::vector<PipelineSpec>& pipelines, const RunOptions& options,
        const Surroundings& surroundings) {
    raise_open_files();
    const auto chosen = chosen_stages(pipelines, options);
    check_schema(config.postgres_url.reveal(), config.migrations);
    asio::io_context io{1};
    ErasureWatch erasures(config);
    erasures.wait_for_first(Millis{5'000});  // a restored database: before anything of it is used
    Shared shared(config, io, surroundings);
    PathPublisher path(shared.live, shared.clock);
    if (options.demo) shared.observers.push_back(&path);
    std::vector<std::unique_ptr<StageMetrics>> metrics;
    std::vector<std::unique_ptr<StageThread>> threads;
    std::vector<Heartbeat> heartbeats;
    for (const auto& pipeline : pipelines) {
        for (const auto& stage : pipeline.stages) {
            if (!chosen.contains(stage.name)) continue;
            metrics.push_back(std::make_unique<StageMetrics>(shared.metrics.registry(), stage.name));
            for (int number = 0; number < (options.workers ? options.workers : stage.workers); ++number) {
                threads.push_back(
                    std::make_unique<StageThread>(pipeline, stage, number, shared, *metrics.back()));
                heartbeats.push_back(threads.back()->heartbeat(number));
            }
        }
    }
    Front front(io, shared, options, chosen.contains("ingress"), std::move(heartbeats),
                pipelines.front().expires_after);
    int exit_code = 0;
    asio::signal_set signals(io, SIGTERM, SIGINT);
    const auto stop = [&] {
        signals.cancel();
        asio::co_spawn(io, front.stop(), [&](std::exception_ptr) { io.stop(); });
        for (const auto& thread : threads) thread->stop();
    };
    signals.async_wait([&](const boost::system::error_code& error, int signal) {
        if (error) return;
        log_info("process.stopping", {{"signal", signal}});
        stop();
    });
    asio::co_spawn(io, front.warm_up(), [](std::exception_ptr problem) {
        if (problem) {
            log_error("start.cold", {{"text",
                                      "webhooks ask the database for addresses that they bring for the first "
                                      "time, as long as this process runs; report this"},
                                     {"why", problem_text(problem)}});
        }
    });
    const auto unwatched = [&](const char* what) {
        return [&, what](std::exception_ptr problem) {
            log_error(
                "process.unwatched",
                {{"text", fmt::format("no {} would be obeyed any more: the process stops; start it again, "
                                      "and report this",
                                      what)},
                 {"why", problem_text(problem)}});
            exit_code = 1;
            stop();
        };
    };
    asio::co_spawn(io, watch_pauses(shared), unwatched("pause"));
    asio::co_spawn(io, keep_retention(shared), unwatched("retention"));
    if (chosen.contains("ingress")) {
        asio::co_spawn(io, front.watch_secrets(), unwatched("change of a secret"));
        asio::co_spawn(io, front.forget_old_requests(), [&](std::exception_ptr problem) {
            if (problem) unwatched("end of an Idempotency-Key")(problem);
        });
        asio::co_spawn(io, front.keep_connections(), [&](std::exception_ptr problem) {
            if (problem) unwatched("end of a shop's token")(problem);
        });
    }
    for (const auto& thread : threads) {
        thread->start([&] {
            asio::post(io, [&] {
                exit_code = 1;
                stop();
            });
        });
    }
    io.run();
    for (const auto& thread : threads) thread->join();
    log_info("process.stopped", {{"code", exit_code}});
    return exit_code;
}

}  // namespace relevo
