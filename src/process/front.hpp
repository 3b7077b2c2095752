#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <vector>

#include "channels/meta_app_secret.hpp"
#include "cli/command_line.hpp"
#include "gateway/demo.hpp"
#include "gateway/health.hpp"
#include "gateway/web_widget.hpp"
#include "gateway/webhooks.hpp"
#include "http/client.hpp"
#include "http/static_files.hpp"
#include "kafka/admin.hpp"
#include "kafka/sink.hpp"
#include "process/api_front.hpp"
#include "process/shared.hpp"

namespace relevo {

/// What the process serves over HTTP: health and metrics always, webhooks, sockets and the API with
/// `ingress`, the demo page where it was asked for.
class Front {
  public:
    Front(boost::asio::io_context& io, Shared& shared, const RunOptions& options, bool ingress,
          std::vector<Heartbeat> heartbeats, Millis expires_after);

    /// Connects to the log; reads what webhooks need, so that they are answered while PostgreSQL is away, and
    /// tries until it could.
    Task<void> warm_up();
    /// Never ends.
    Task<void> watch_secrets() { return endpoints_.watch_changes(); }
    /// Never ends, where the API is served; at once where it is not.
    Task<void> forget_old_requests();
    Task<void> keep_connections();
    /// Lets running exchanges end.
    Task<void> stop();

  private:
    void serve_customers();
    void serve_file(const std::string& path, const std::string& name);
    void serve_demo();
    void serve_api(boost::asio::io_context& io);
    void listen(const RunOptions& options);
    std::vector<Dependency> dependencies(bool ingress);

    Shared& shared_;
    SystemRandom random_;
    std::unique_ptr<EndpointStore> endpoints_store_;
    std::unique_ptr<WebStore> web_store_;
    std::unique_ptr<HandoffStore> handoff_;
    std::unique_ptr<DemoStore> demo_store_;
    std::unique_ptr<BacklogStore> backlog_;
    PooledHttpClient http_;
    Channels channels_;
    std::unique_ptr<MetaStore> meta_store_;
    MetaAppSecret app_secret_;
    EndpointCache endpoints_;
    KafkaSink sink_;
    Intake intake_;
    Webhooks webhooks_;
    WebWidget widget_;
    KafkaAdmin cluster_;
    boost::asio::thread_pool blocking_{1};
    Health health_;
    std::unique_ptr<Demo> demo_;
    std::unique_ptr<ApiFront> api_;
    SocketIoServer sockets_;
    StaticFiles widget_files_;
    StaticFiles demo_files_;
    Router router_;
    HttpServer server_;
};

}  // namespace relevo
