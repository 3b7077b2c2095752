#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "domain/http.hpp"
#include "http/network.hpp"
#include "http/url.hpp"

namespace relevo {

/// A whole response, and whether the link can carry another exchange.
struct Exchanged {
    HttpResponse response;
    bool reusable = false;
};

/// One connection to an origin. Its exchanges come one after the other.
class Link {
  public:
    virtual ~Link() = default;
    /// Sends the call and reads the whole response. `target` is the request's path and query; `call` and
    /// `sink` live until the task ends.
    virtual Task<LinkResult<Exchanged>> exchange(const HttpCall& call, std::string target,
                                                 const BodySink& sink, SteadyTime until) = 0;
    /// Whether the other side neither closed it nor said something unasked.
    virtual bool quiet() = 0;
};

/// Resolves once, connects to what was found and, for https, shakes hands, all before `until`. Of a guarded
/// origin each address must be allowed, or none is used. `network` lives until the task ends, `tls` outlives
/// the link.
Task<LinkResult<std::unique_ptr<Link>>> open_link(Network& network, Origin origin,
                                                  boost::asio::ssl::context& tls, std::size_t max_head_bytes,
                                                  SteadyTime until);

}  // namespace relevo
