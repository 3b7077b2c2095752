#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/engine_session.hpp"
#include "http/server.hpp"

namespace relevo {

/// One client, whichever transport carries it at the moment. Used on the server's thread only.
class EngineConnection {
  public:
    virtual ~EngineConnection() = default;
    virtual void send(std::string_view message) = 0;
    virtual void close(std::string_view reason) = 0;
    virtual const std::string& peer() const = 0;

    /// Set by whoever accepts the connection; both are dropped after on_close, which comes once.
    std::function<void(std::string message)> on_message;
    std::function<void(std::string_view reason)> on_close;
};

/// An Engine.IO 4 server: long-polling, WebSocket, and the upgrade from one to the other. Pages of any origin
/// may use it; no cookie is involved, so a page can do nothing in another one's name.
class EngineServer final : public Mount {
  public:
    using Accept = std::function<void(std::shared_ptr<EngineConnection>)>;

    EngineServer(boost::asio::io_context& io, EngineLimits limits, Accept accept);
    /// Closes what is still connected; on_close runs, no farewell is sent. See stop().
    ~EngineServer() override;

    Task<HttpResponse> handle(HttpRequest request) override;
    Task<void> take_over(boost::asio::ip::tcp::socket socket, HttpRequest head) override;
    std::size_t max_body_bytes() const override;
    /// Closes every session in a way after which clients connect again, and takes no new ones.
    void stop() override;
    std::size_t sessions() const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace relevo
