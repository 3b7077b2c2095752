#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "domain/http.hpp"

namespace relevo {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Where a call goes.
struct Origin {
    bool tls = false;
    std::string host;
    std::string port;
    auto operator<=>(const Origin&) const = default;
    std::string to_string() const { return host + ":" + port; }
};

/// A whole response, and whether the link can carry another exchange.
struct Exchanged {
    HttpResponse response;
    bool reusable = false;
};

struct LinkFault {
    std::string reason;
    bool nothing_sent = false;  ///< no byte of a request left: the other side cannot have acted on it
    bool timed_out = false;
};

[[noreturn]] inline void throw_exception_from_error(const LinkFault& fault, const boost::source_location&) {
    throw Failure({Fault::transient, "http.fault", fault.reason});
}

template <class T>
using LinkResult = boost::system::result<T, LinkFault>;

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

/// Resolves, connects and, for https, shakes hands, all before `until`. `tls` outlives the link.
Task<LinkResult<std::unique_ptr<Link>>> open_link(boost::asio::io_context& io, Origin origin,
                                                  boost::asio::ssl::context& tls, std::size_t max_head_bytes,
                                                  SteadyTime until);

}  // namespace relevo
