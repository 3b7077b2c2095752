// The only place that knows everything: joins stages, stores, channels and models with Kafka, PostgreSQL, Redis
// and HTTP.

#include <sodium.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <future>
#include <set>
#include <thread>

#include "channels/list.hpp"
#include "cli/command_line.hpp"
#include "core/log.hpp"
#include "gateway/demo.hpp"
#include "gateway/health.hpp"
#include "gateway/path_event.hpp"
#include "gateway/web_widget.hpp"
#include "gateway/webhooks.hpp"
#include "http/client.hpp"
#include "http/static_files.hpp"
#include "kafka/admin.hpp"
#include "kafka/sink.hpp"
#include "kafka/source.hpp"
#include "models/list.hpp"
#include "postgres/migrations.hpp"
#include "postgres/shops.hpp"
#include "postgres/stores.hpp"
#include "postgres/timers_source.hpp"
#include "redis/live.hpp"
#include "runtime/worker.hpp"
#include "stages/buffer.hpp"
#include "stages/infer.hpp"
#include "stages/relay.hpp"
#include "stages/resolve.hpp"
#include "stages/retrieve.hpp"
#include "stages/settle.hpp"
#include "stages/wake.hpp"

namespace relevo {
namespace {

namespace asio = boost::asio;

// A campaign's answers of one shop at the same time; the others' come in between.
constexpr int max_open_turns = 500;
constexpr Millis ingress_delivery_timeout{2'500};  // a webhook is answered within 4 s

// Runs a task to its end on a loop of its own; for start and command line.
template <class T>
T await(Task<T> task) {
    asio::io_context io;
    auto result = asio::co_spawn(io, std::move(task), asio::use_future);
    io.run();
    return result.get();
}

ModelSettings model_settings(const Config& config) {
    ModelSettings settings;
    if (!config.providers.openai.empty()) settings.openai_base_url = config.providers.openai;
    return settings;
}

ChannelSettings channel_settings(const Config& config) {
    ChannelSettings settings;
    if (!config.providers.whatsapp.empty()) settings.whatsapp_url = config.providers.whatsapp;
    if (!config.providers.telegram.empty()) settings.telegram_url = config.providers.telegram;
    return settings;
}

ChannelLimitsByName channel_limits() {
    struct NoHttp final : HttpClient {
        Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall, BodySink) override {
            co_return HttpFault{Reached::no, "not connected"};
        }
    } none;
    ChannelLimitsByName limits;
    for (const auto& channel : make_channels({}, none)) limits[std::string(channel->name())] = channel->limits();
    return limits;
}

DatabaseConfig database_config(const Secret& url) {
    DatabaseConfig config;
    config.url = url.reveal();
    return config;
}

// What all threads of the process share.
struct Shared {
    explicit Shared(const Config& given, asio::io_context& io)
        : config(given), database(database_config(given.postgres_url)),
          installation(await(installation_id(database))), live(io, {given.redis_url, installation, {}, 10'000}, random),
          resolve(make_resolve_store(database)), buffer(make_buffer_store(database)),
          retrieve(make_retrieve_store(database)), infer(make_infer_store(database)),
          relay(make_relay_store(database, channel_limits())), settle(make_settle_store(database)),
          timers(make_timers(database)), dead_letters(make_dead_letters(database)),
          vault(make_vault(database, MasterKey::read(given.master_key_file))) {}

    const Config& config;
    SystemClock clock;
    SystemRandom random;
    Metrics metrics;
    Database database;
    std::string installation;
    RedisLive live;
    std::unique_ptr<ResolveStore> resolve;
    std::unique_ptr<BufferStore> buffer;
    std::unique_ptr<RetrieveStore> retrieve;
    std::unique_ptr<InferStore> infer;
    std::unique_ptr<RelayStore> relay;
    std::unique_ptr<SettleStore> settle;
    std::unique_ptr<Timers> timers;
    std::unique_ptr<DeadLetters> dead_letters;
    std::unique_ptr<Vault> vault;
};

// One worker: a thread, an io_context and everything that belongs to it.
class StageThread {
  public:
    StageThread(const PipelineSpec& pipeline, const StageSpec& spec, int number, Shared& shared,
                StageMetrics& metrics, Observer observer)
        : spec_(spec), http_(io_), channels_(make_channels(channel_settings(shared.config), http_)),
          models_(make_model_providers(model_settings(shared.config), http_, shared.clock)),
          random_(std::random_device{}()), stage_(make_stage(shared)), source_(make_source(shared)),
          sink_(io_.get_executor(), KafkaSettings{shared.config.kafka_brokers}, {}),
          worker_(spec, number,
                  WorkerParts{*stage_, *source_, sink_, *shared.timers, *shared.dead_letters, shared.clock, random_,
                              metrics, shared.installation, pipeline.expires_after, std::move(observer)}) {}

    /// `failed` is called on this worker's thread when it cannot go on.
    void start(std::function<void()> failed) {
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
    void stop() {
        asio::post(io_, [this] { worker_.stop(); });
    }
    void join() { thread_.join(); }
    Heartbeat heartbeat(int number) {
        return {spec_.name + "-" + std::to_string(number), [this] { return worker_.last_turn(); }};
    }

  private:
    std::unique_ptr<Stage> make_stage(Shared& shared) {
        const std::string& name = spec_.name;
        if (name == "resolve") return std::make_unique<Resolve>(*shared.resolve, shared.live);
        if (name == "buffer") return std::make_unique<Buffer>(*shared.buffer, shared.clock, max_open_turns);
        if (name == "retrieve") return std::make_unique<Retrieve>(*shared.retrieve, shared.clock);
        if (name == "infer") {
            return std::make_unique<Infer>(*shared.infer, models_, channels_, *shared.vault, shared.live, shared.clock);
        }
        if (name == "relay") {
            return std::make_unique<Relay>(*shared.relay, channels_, *shared.vault, shared.live, shared.clock,
                                           shared.installation);
        }
        if (name == "settle") return std::make_unique<Settle>(*shared.settle, shared.live, shared.clock);
        if (name == "wake") return std::make_unique<Wake>();
        throw Failure({Fault::permanent, "pipeline.invalid", "there is no stage '" + name + "'"});
    }

    std::unique_ptr<Source> make_source(Shared& shared) {
        if (spec_.input == timers_input) {
            return std::make_unique<TimersSource>(io_.get_executor(), shared.database, shared.clock);
        }
        return std::make_unique<KafkaSource>(io_.get_executor(), KafkaSettings{shared.config.kafka_brokers}, spec_.group,
                                             spec_.input, KafkaSource::Limits{});
    }

    const StageSpec& spec_;
    asio::io_context io_{1};
    PooledHttpClient http_;
    Channels channels_;
    ModelProviders models_;
    SeededRandom random_;
    std::unique_ptr<Stage> stage_;
    std::unique_ptr<Source> source_;
    KafkaSink sink_;
    Worker worker_;
    std::thread thread_;
};

// What the process serves over HTTP.
class Front {
  public:
    Front(asio::io_context& io, Shared& shared, const RunOptions& options, bool ingress,
          std::vector<Heartbeat> heartbeats, Millis expires_after)
        : shared_(shared), endpoints_store_(make_endpoint_store(shared.database)),
          web_store_(make_web_store(shared.database)), handoff_(make_handoff_store(shared.database)),
          demo_store_(make_demo_store(shared.database)), http_(io),
          channels_(make_channels(channel_settings(shared.config), http_)),
          endpoints_(*endpoints_store_, *shared.vault, channels_, shared.clock),
          sink_(io.get_executor(), KafkaSettings{shared.config.kafka_brokers},
                {ingress_delivery_timeout, Millis{2}, 100'000}),
          intake_{sink_, shared.clock, random_, shared.metrics, shared.installation, expires_after, {}},
          webhooks_(channels_, endpoints_, intake_), widget_(endpoints_, *web_store_, shared.live, intake_, random_),
          cluster_(KafkaSettings{shared.config.kafka_brokers}, Millis{2'000}),
          health_(dependencies(), std::move(heartbeats), shared.metrics, shared.clock), sockets_(io),
          widget_files_(shared.config.console / "widget", {{"Access-Control-Allow-Origin", "*"}}),
          demo_files_(shared.config.console / "demo",
                      {{"Content-Security-Policy",
                        "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self' 'unsafe-inline'; "
                        "img-src 'self' data:"}}),
          server_(io, ServerLimits{}, [this](HttpRequest request) { return router_.handle(std::move(request)); },
                  [this](HttpRequest head) { return router_.check(std::move(head)); }) {
        health_.add_routes(router_);
        if (ingress) serve_customers();
        if (options.demo) serve_demo();
        listen(options);
    }

    /// Reads what webhooks need, so that they are answered while PostgreSQL is away; connects to the log.
    Task<void> warm_up() {
        co_await endpoints_.preload();
        co_await sink_.warm_up(std::string(topics::messages_received));
    }

    Task<void> stop() { return server_.stop(Millis{2'000}); }

  private:
    void serve_customers() {
        webhooks_.add_routes(router_);
        if (!shared_.config.socketio_js.empty()) {
            widget_files_.add("socket.io.min.js", shared_.config.socketio_js);
        }
        serve_file("/widget.js", "widget.js");
        serve_file("/socket.io/socket.io.min.js", "socket.io.min.js");
        router_.add("GET", "/widget/{name...}", [this](HttpRequest request, PathParams params) -> Task<HttpResponse> {
            co_return widget_files_.serve(request, params["name"]);
        });
        sockets_.add("/web", widget_.name_space());
        server_.mount_socket("/socket.io/", sockets_);
    }

    void serve_file(const std::string& path, const std::string& name) {
        router_.add("GET", path, [this, name](HttpRequest request, PathParams) -> Task<HttpResponse> {
            co_return widget_files_.serve(request, name);
        });
    }

    void serve_demo() {
        if (shared_.config.http.address != "127.0.0.1") {
            throw Failure({Fault::permanent, "demo.local_only",
                           "--demo has no login: it wants http.address 127.0.0.1 in the configuration"});
        }
        demo_ = std::make_unique<Demo>(*demo_store_, *handoff_, shared_.live, intake_, shared_.config.public_url);
        demo_->add_routes(router_, demo_files_);
        sockets_.add("/demo", demo_->name_space());
        intake_.observer = [this](const std::vector<Record>& records, SysTime started) {
            for (const auto& record : records) {
                shared_.live.publish(path_channel, ingress_event(record, started, shared_.clock.now()));
            }
        };
    }

    void listen(const RunOptions& options) {
        const std::uint16_t wanted = options.http_port ? options.http_port : shared_.config.http.port;
        try {
            server_.listen(shared_.config.http.address, wanted);
        } catch (const Failure&) {
            if (options.http_port) throw;
            server_.listen(shared_.config.http.address, 0);  // a second process of this configuration
            log_warn("http.port_taken", {{"wanted", wanted}});
        }
        log_info("http.listening", {{"address", shared_.config.http.address}, {"port", server_.port()}});
    }

    std::vector<Dependency> dependencies() {
        const auto kafka = [this]() -> Task<bool> {
            return asio::co_spawn(
                blocking_, [this]() -> Task<bool> { co_return cluster_.reachable(); }, asio::use_awaitable);
        };
        const auto postgres = [this]() -> Task<bool> {
            try {
                co_await shared_.database.ping();
                co_return true;
            } catch (const Failure&) {
                co_return false;
            }
        };
        return {{"kafka", kafka}, {"postgres", postgres}, {"redis", [this] { return shared_.live.ping(); }}};
    }

    Shared& shared_;
    SystemRandom random_;
    std::unique_ptr<EndpointStore> endpoints_store_;
    std::unique_ptr<WebStore> web_store_;
    std::unique_ptr<HandoffStore> handoff_;
    std::unique_ptr<DemoStore> demo_store_;
    PooledHttpClient http_;
    Channels channels_;
    EndpointCache endpoints_;
    KafkaSink sink_;
    Intake intake_;
    Webhooks webhooks_;
    WebWidget widget_;
    KafkaAdmin cluster_;
    asio::thread_pool blocking_{1};
    Health health_;
    std::unique_ptr<Demo> demo_;
    SocketIoServer sockets_;
    StaticFiles widget_files_;
    StaticFiles demo_files_;
    Router router_;
    HttpServer server_;
};

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
        throw Failure({Fault::permanent, "run.unknown_stage", "there is no stage '" + stage + "'; known:" + names});
    }
    return {options.stages.begin(), options.stages.end()};
}

int run(const Config& config, const std::vector<PipelineSpec>& pipelines, const RunOptions& options) {
    const auto chosen = chosen_stages(pipelines, options);
    check_schema(config.postgres_url.reveal(), config.migrations);
    asio::io_context io{1};
    Shared shared(config, io);
    Observer observer;
    if (options.demo) {
        observer = [&](const Settlement& settlement) { shared.live.publish(path_channel, path_event(settlement)); };
    }
    std::vector<std::unique_ptr<StageMetrics>> metrics;
    std::vector<std::unique_ptr<StageThread>> threads;
    std::vector<Heartbeat> heartbeats;
    for (const auto& pipeline : pipelines) {
        for (const auto& stage : pipeline.stages) {
            if (!chosen.contains(stage.name)) continue;
            metrics.push_back(std::make_unique<StageMetrics>(shared.metrics.registry(), stage.name));
            for (int number = 0; number < (options.workers ? options.workers : stage.workers); ++number) {
                threads.push_back(
                    std::make_unique<StageThread>(pipeline, stage, number, shared, *metrics.back(), observer));
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
        if (problem) log_warn("start.cold", {{"text", "the first webhooks will ask the database"}});
    });
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

// The database's tables for the command line.
class PostgresSchema final : public Schema {
  public:
    explicit PostgresSchema(const Config& config)
        : url_(config.postgres_owner_url.empty() ? config.postgres_url : config.postgres_owner_url),
          folder_(config.migrations) {}
    std::vector<MigrationState> status() override {
        std::vector<MigrationState> out;
        for (const auto& migration : migration_status(url_.reveal(), folder_)) {
            out.push_back({migration.version, migration.name, migration.applied});
        }
        return out;
    }
    std::vector<std::string> up() override { return migrate_up(url_.reveal(), folder_); }

  private:
    Secret url_;
    std::filesystem::path folder_;
};

class PostgresShops final : public ShopBook {
  public:
    explicit PostgresShops(const Config& config)
        : database_(database_config(config.postgres_url)), key_(MasterKey::read(config.master_key_file)) {}
    ShopListing apply(const ShopSpec& shop) override {
        const TenantId tenant = await(apply_shop(database_, key_, shop, random_));
        auto all = list();
        const auto made = std::find_if(all.begin(), all.end(), [&](const auto& it) { return it.tenant == tenant; });
        return std::move(*made);
    }
    std::vector<ShopListing> list() override { return await(list_shops(database_, key_)); }

  private:
    Database database_;
    MasterKey key_;
    SystemRandom random_;
};

Backend make_backend() {
    Backend backend;
    backend.version = RELEVO_VERSION;
    backend.cluster = [](const Config& config) {
        return std::make_unique<KafkaAdmin>(KafkaSettings{config.kafka_brokers});
    };
    backend.schema = [](const Config& config) { return std::make_unique<PostgresSchema>(config); };
    backend.shops = [](const Config& config) { return std::make_unique<PostgresShops>(config); };
    backend.run = run;
    return backend;
}

}  // namespace
}  // namespace relevo

int main(int argc, char** argv) {
    if (sodium_init() < 0) return 1;
    return relevo::run_command_line(argc, argv, relevo::make_backend());
}
