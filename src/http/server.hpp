#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "domain/http.hpp"

namespace relevo {

/// What a server takes before it says no. A size that is exceeded is answered; at a deadline the connection
/// is closed without a word.
struct ServerLimits {
    std::size_t max_head_bytes = 16 << 10;     ///< 431 above; cookies of an embedding page fit easily
    std::size_t max_body_bytes = 3 << 20;      ///< 413 above; Meta's webhooks have up to 3 MiB
    std::size_t max_bodies_bytes = 256 << 20;  ///< of all requests being read or handled: 503 beyond
    /// Beyond, the one that has been idle longest makes room, and where none is idle the new one is 503.
    std::size_t max_connections = 16'384;
    Millis idle{75'000};            ///< between two requests; above the 60 s of common load balancers
    Millis head_deadline{10'000};   ///< from a request's first byte to the end of its head
    Millis body_deadline{20'000};   ///< for the body; 3 MiB on a slow line
    Millis write_deadline{30'000};  ///< for a response
};

/// Answers a request. What it throws becomes a 500 and a log line.
using HttpHandler = std::function<Task<HttpResponse>(HttpRequest)>;
/// Looks at a request whose body has not been read. A response here ends the exchange: the body is discarded.
using HeadCheck = std::function<Task<std::optional<HttpResponse>>(HttpRequest head)>;

/// Answers all of one path by itself: long polls and upgrades.
class Mount {
  public:
    virtual ~Mount() = default;
    virtual Task<HttpResponse> handle(HttpRequest request) = 0;
    /// Owns the connection of an upgrade request from here on. Returns when it is closed.
    virtual Task<void> take_over(boost::asio::ip::tcp::socket socket, HttpRequest head) = 0;
    virtual std::size_t max_body_bytes() const = 0;
    /// Ends its long-lived exchanges soon: the server is about to go.
    virtual void stop() = 0;
};

/// An HTTP/1.1 server on the caller's io_context, used from that thread only. Keep-alive, HEAD, chunked
/// bodies and Expect: 100-continue; no TLS, which the load balancer in front ends.
class HttpServer {
  public:
    HttpServer(boost::asio::io_context& io, ServerLimits limits, HttpHandler handler, HeadCheck check = {});
    ~HttpServer();

    /// `mount` answers exactly `path`, with or without a slash at its end, and outlives the server's stop.
    /// Without effect on connections that are open already: call it before `listen`.
    void mount_socket(std::string path, Mount& mount);
    /// Port 0 chooses one. Throws Failure "http.listen" where the address cannot be had.
    void listen(const std::string& address, std::uint16_t port);
    std::uint16_t port() const;
    std::size_t connections() const;
    /// Accepts nothing more, closes idle connections, lets running exchanges end within `deadline`, cancels
    /// the rest. Returns when all connections are gone.
    Task<void> stop(Millis deadline);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace relevo
