#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/task.hpp"

namespace relevo {

using SteadyTime = std::chrono::steady_clock::time_point;

struct LinkFault {
    std::string reason;
    bool nothing_sent = false;  ///< no byte of a request left: the other side cannot have acted on it
    bool timed_out = false;
    bool refused = false;  ///< by us: a tenant's URL that leads where it must not
};

[[noreturn]] inline void throw_exception_from_error(const LinkFault& fault, const boost::source_location&) {
    throw Failure({fault.refused ? Fault::permanent : Fault::transient, "http.fault", fault.reason});
}

template <class T>
using LinkResult = boost::system::result<T, LinkFault>;

/// Names and connections. Whoever uses it judges the addresses in between.
class Network {
  public:
    virtual ~Network() = default;
    /// All addresses that a name has now.
    virtual Task<LinkResult<std::vector<boost::asio::ip::address>>> resolve(std::string name,
                                                                            SteadyTime until) = 0;
    /// To the first of the endpoints that answers.
    virtual Task<LinkResult<boost::asio::ip::tcp::socket>> connect(
        std::vector<boost::asio::ip::tcp::endpoint> endpoints, SteadyTime until) = 0;
};

/// The operating system's, on the caller's io_context.
std::unique_ptr<Network> make_network(boost::asio::io_context& io);

}  // namespace relevo
