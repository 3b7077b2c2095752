#include "process/front.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/log.hpp"
#include "postgres/meta_store.hpp"
#include "process/gathers.hpp"
#include "process/meta_settings.hpp"

namespace relevo {

namespace asio = boost::asio;

namespace {

constexpr Millis ingress_delivery_timeout{2'500};  // a webhook is answered within 4 s
constexpr Millis try_again{1'000};                 // to read the addresses, while the database is away

void count_answers(Router& router, Metrics& metrics) {
    router.observe([&metrics](const Answered& answered) {
        metrics.took("http_request_duration", "Answers, from the request's head to the response, by route",
                     {{"method", std::string(answered.method)},
                      {"route", std::string(answered.pattern)},
                      {"status", std::to_string(answered.status)}},
                     std::chrono::duration<double>(answered.took).count());
    });
}

}  // namespace

Front::Front(boost::asio::io_context& io, Shared& shared, const RunOptions& options, bool ingress,
             std::vector<Heartbeat> heartbeats, Millis expires_after)
    : shared_(shared),
      endpoints_store_(make_endpoint_store(shared.database)),
      web_store_(make_web_store(shared.database)),
      handoff_(make_handoff_store(shared.database)),
      demo_store_(make_demo_store(shared.database)),
      backlog_(make_backlog_store(shared.database)),
      http_(io, client_limits(shared.config)),
      channels_(make_channels(channel_settings(shared.config), http_)),
      meta_store_(make_meta_store(shared.database, shared.masters)),
      app_secret_(shared.vault, *meta_store_, ingress ? meta_settings(shared.config) : MetaSettings{}),
      endpoints_(*endpoints_store_, app_secret_, channels_, shared.clock),
      sink_(io.get_executor(), kafka_settings(shared.config), {ingress_delivery_timeout, Millis{2}, 100'000}),
      intake_{sink_,         shared.clock,    random_, shared.metrics, shared.installation,
              expires_after, shared.observers},
      webhooks_(channels_, endpoints_, intake_),
      widget_(endpoints_, *web_store_, shared.live, intake_, random_),
      cluster_(kafka_settings(shared.config), Millis{2'000}),
      health_(dependencies(ingress), std::move(heartbeats), make_gathers(shared, *backlog_), shared.metrics,
              shared.clock),
      sockets_(io),
      widget_files_(shared.config.console / "widget", {{"Access-Control-Allow-Origin", "*"}}),
      demo_files_(shared.config.console / "demo",
                  {{"Content-Security-Policy",
                    "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self' 'unsafe-inline'; "
                    "img-src 'self' data:"}}),
      server_(
          io, ServerLimits{}, [this](HttpRequest request) { return router_.handle(std::move(request)); },
          [this](HttpRequest head) { return router_.check(std::move(head)); }) {
    count_answers(router_, shared.metrics);
    health_.add_routes(router_);
    if (ingress) serve_customers();
    if (ingress) serve_api(io);
    if (options.demo) serve_demo();
    listen(options);
}

Task<void> Front::warm_up() {
    co_await asio::co_spawn(blocking_, sink_.warm_up(std::string(topics::messages_received)),
                            asio::use_awaitable);
    for (;;) {
        try {
            co_await endpoints_.preload();
            co_return;
        } catch (const Failure& failure) {
            log_warn("start.cold", {{"text", "webhooks ask the database until their addresses are read"},
                                    {"code", failure.error().code},
                                    {"why", failure.error().text}});
        }
        co_await shared_.clock.sleep_until(shared_.clock.now() + try_again);
    }
}

Task<void> Front::stop() {
    return server_.stop(Millis{2'000});
}

void Front::serve_customers() {
    webhooks_.add_routes(router_);
    if (!shared_.config.socketio_js.empty()) {
        widget_files_.add("socket.io.min.js", shared_.config.socketio_js);
    }
    serve_file("/widget.js", "widget.js");
    serve_file("/socket.io/socket.io.min.js", "socket.io.min.js");
    router_.add("GET", "/widget/{name...}",
                [this](HttpRequest request, PathParams params) -> Task<HttpResponse> {
                    co_return widget_files_.serve(request, params["name"]);
                });
    sockets_.add("/web", widget_.name_space());
    server_.mount_socket("/socket.io/", sockets_);
}

void Front::serve_file(const std::string& path, const std::string& name) {
    router_.add("GET", path, [this, name](HttpRequest request, PathParams) -> Task<HttpResponse> {
        co_return widget_files_.serve(request, name);
    });
}

void Front::serve_demo() {
    if (shared_.config.http.address != "127.0.0.1") {
        throw Failure({Fault::permanent, "demo.local_only",
                       "--demo has no login: it wants http.address 127.0.0.1 in the configuration"});
    }
    demo_ = std::make_unique<Demo>(*demo_store_, *handoff_, shared_.live, intake_, shared_.config.public_url);
    demo_->add_routes(router_, demo_files_);
    sockets_.add("/demo", demo_->name_space());
    endpoints_.on_change([this] { demo_->shops_changed(); });
}

void Front::serve_api(asio::io_context& io) {
    if (shared_.config.schemas.empty()) {
        log_warn("api.not_served", {{"text", "schemas is not set: set it to the folder with openapi.yaml"}});
        return;
    }
    api_ = std::make_unique<ApiFront>(io, shared_, http_, random_);
    api_->add_routes(router_);
}

Task<void> Front::forget_old_requests() {
    if (!api_) co_return;
    co_await api_->forget_old_requests();
}

Task<void> Front::keep_connections() {
    if (!api_) co_return;
    co_await api_->keep_connections();
}

void Front::listen(const RunOptions& options) {
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

// Webhooks are taken without Redis, and without PostgreSQL once their addresses are known; stages take
// nothing without PostgreSQL.
std::vector<Dependency> Front::dependencies(bool ingress) {
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
    return {{"kafka", kafka},
            {"postgres", postgres, [this, ingress] { return !ingress || !endpoints_.preloaded(); }},
            {"redis", [this] { return shared_.live.ping(); }, [] { return false; }}};
}

}  // namespace relevo
