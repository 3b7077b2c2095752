#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "domain/http.hpp"
#include "http/network.hpp"

namespace relevo {

struct ClientLimits {
    /// To one scheme, host and port; a caller beyond waits within its deadline. What one provider bears.
    std::size_t max_connections_per_host = 64;
    /// Servers close idle connections, commonly after 30 to 75 s; a request that crosses with that is lost.
    Millis idle{20'000};
    std::size_t max_response_head_bytes = 64 << 10;
    /// PEM file with the certificate authorities to trust; empty: the system's.
    std::string ca_file;
    /// "host:port", in the operator's own network perhaps, where tenants may lead us all the same.
    std::vector<std::string> trusted_addresses;
};

/// Keep-alive connections to each host, http and https (certificate and host name verified). One object per
/// io_context, used from its thread only; it may go while calls are running. Follows no redirect. A call
/// whose URL a tenant chose reaches public addresses and trusted ones only: else its fault is `refused`.
class PooledHttpClient final : public HttpClient {
  public:
    explicit PooledHttpClient(boost::asio::io_context& io, ClientLimits limits = {},
                              std::unique_ptr<Network> network = {});
    ~PooledHttpClient() override;

    /// `Reached::no`: nothing of the request left, as when resolving, connecting or the TLS handshake failed.
    /// `Reached::maybe`: some of it did, whatever happened then; the client itself repeats nothing.
    Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall call, BodySink sink = {}) override;

    /// Connections in use and idle.
    std::size_t connections() const;

  private:
    struct Pool;
    std::shared_ptr<Pool> pool_;
};

}  // namespace relevo
