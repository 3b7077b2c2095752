#include "process/stage_thread.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "core/log.hpp"
#include "kafka/source.hpp"
#include "postgres/timers_source.hpp"
#include "redis/pace.hpp"
#include "stages/buffer.hpp"
#include "stages/infer.hpp"
#include "stages/relay.hpp"
#include "stages/resolve.hpp"
#include "stages/retrieve.hpp"
#include "stages/settle.hpp"
#include "stages/wake.hpp"

namespace relevo {

namespace asio = boost::asio;

namespace {

// A campaign's answers of one shop at the same time; the others' come in between.
constexpr int max_open_turns = 500;

std::unique_ptr<HttpClient> make_http(const std::string& stage, asio::io_context& io, const Shared& shared) {
    std::unique_ptr<HttpClient> http = std::make_unique<PooledHttpClient>(io, client_limits(shared.config));
    return shared.surroundings.http ? shared.surroundings.http(stage, std::move(http)) : std::move(http);
}

}  // namespace

StageThread::StageThread(const PipelineSpec& pipeline, const StageSpec& spec, int number, Shared& shared,
                         StageMetrics& metrics)
    : spec_(spec),
      http_(make_http(spec.name, io_, shared)),
      channels_(make_channels(channel_settings(shared.config), *http_)),
      models_(make_model_providers(model_settings(shared.config), *http_, shared.clock)),
      random_(std::stoull(SystemRandom().hex(8), nullptr, 16)),
      stage_(make_stage(shared)),
      source_(make_source(shared)),
      sink_(io_.get_executor(), kafka_settings(shared.config), {}),
      worker_(spec, number,
              WorkerParts{*stage_, *source_, sink_, *shared.timers, *shared.dead_letters, shared.clock,
                          random_, metrics, shared.installation, pipeline.expires_after, shared.observers,
                          &shared.pauses}) {}

void StageThread::start(std::function<void()> failed) {
    thread_ = std::thread([this, failed = std::move(failed)] {
        asio::co_spawn(io_, worker_.run(), [&](std::exception_ptr problem) {
            if (problem) {
                try {
                    std::rethrow_exception(problem);
                } catch (const std::exception& error) {
                    log_error("worker.failed", {{"stage", spec_.name}, {"text", error.what()}});
                }
                failed();
            }
            io_.stop();
        });
        io_.run();
    });
}
void StageThread::stop() {
    asio::post(io_, [this] { worker_.stop(); });
}

Heartbeat StageThread::heartbeat(int number) {
    return {spec_.name + "-" + std::to_string(number), [this] { return worker_.last_turn(); }};
}

const std::map<std::string, StageThread::Maker>& StageThread::makers() {
    static const std::map<std::string, Maker> all{
        {"resolve", [](StageThread&,
                       Shared& shared) { return std::make_unique<Resolve>(*shared.resolve, shared.live); }},
        {"buffer",
         [](StageThread& self, Shared& shared) {
             const auto set_aside = [&self](const Envelope& record, const Error& error) {
                 return self.worker_.set_aside(record, error);
             };
             return std::make_unique<Buffer>(*shared.buffer, set_aside, shared.clock, max_open_turns);
         }},
        {"retrieve",
         [](StageThread&, Shared& shared) {
             return std::make_unique<Retrieve>(*shared.retrieve, shared.live, shared.clock);
         }},
        {"infer",
         [](StageThread& self, Shared& shared) {
             return std::make_unique<Infer>(*shared.infer, self.models_, self.channels_, shared.vault,
                                            shared.live, shared.clock);
         }},
        {"relay",
         [](StageThread& self, Shared& shared) {
             self.pace_ = self.make_pace(shared);
             return std::make_unique<Relay>(*shared.relay, self.channels_, shared.vault, shared.live,
                                            shared.clock, *self.pace_, shared.delivery,
                                            RelaySettings{shared.installation, shared.config.retries});
         }},
        {"settle",
         [](StageThread&, Shared& shared) {
             return std::make_unique<Settle>(*shared.settle, shared.live, shared.clock);
         }},
        {"wake", [](StageThread&, Shared&) { return std::make_unique<Wake>(); }}};
    return all;
}

std::unique_ptr<Stage> StageThread::make_stage(Shared& shared) {
    const auto maker = makers().find(spec_.name);
    if (maker != makers().end()) return maker->second(*this, shared);
    throw Failure({Fault::permanent, "pipeline.invalid", "there is no stage '" + spec_.name + "'"});
}

std::unique_ptr<Pace> StageThread::make_pace(Shared& shared) {
    RedisPaceSettings settings{.url = shared.config.redis_url, .installation = shared.installation};
    settings.workers = spec_.workers;
    settings.on_guess = [&metrics = shared.metrics] {
        metrics.count("pace_guesses", "Slots that a worker gave on its own: Redis was away", "transport",
                      "redis");
    };
    return std::make_unique<RedisPace>(io_, std::move(settings), shared.clock, random_);
}

std::vector<std::string> StageThread::stage_names() {
    std::vector<std::string> names;
    for (const auto& [name, maker] : makers()) names.push_back(name);
    return names;
}

std::unique_ptr<Source> StageThread::make_source(Shared& shared) {
    if (spec_.input == timers_input) {
        return std::make_unique<TimersSource>(io_.get_executor(), shared.database, shared.clock);
    }
    return std::make_unique<KafkaSource>(io_.get_executor(), kafka_settings(shared.config), spec_.group,
                                         spec_.input, KafkaSource::Limits{});
}

}  // namespace relevo
