#include "http/network.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>

namespace relevo {
namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto quiet_awaitable = asio::as_tuple(asio::use_awaitable);

struct Resolution {
    explicit Resolution(asio::io_context& io) : resolver(io), done(io) {}
    tcp::resolver resolver;
    asio::steady_timer done;
    bool finished = false;
    error_code error;
    std::vector<asio::ip::address> addresses;
};

class SystemNetwork final : public Network {
  public:
    explicit SystemNetwork(asio::io_context& io) : io_(io) {}

    // getaddrinfo cannot be interrupted, so it is left behind, not waited for, when the deadline comes first.
    Task<LinkResult<std::vector<asio::ip::address>>> resolve(std::string name, SteadyTime until) override {
        auto state = std::make_shared<Resolution>(io_);
        state->resolver.async_resolve(name, "",
                                      [state](error_code error, tcp::resolver::results_type results) {
                                          state->finished = true;
                                          state->error = error;
                                          for (const auto& entry : results)
                                              state->addresses.push_back(entry.endpoint().address());
                                          state->done.cancel();
                                      });
        state->done.expires_at(until);
        co_await state->done.async_wait(quiet_awaitable);
        if (!state->finished) co_return LinkFault{"resolving: the deadline passed", true, true};
        if (state->error) co_return LinkFault{"resolving: " + state->error.message(), true};
        co_return std::move(state->addresses);
    }

    Task<LinkResult<tcp::socket>> connect(std::vector<tcp::endpoint> endpoints, SteadyTime until) override {
        beast::tcp_stream stream(io_);
        stream.expires_at(until);
        const auto [error, endpoint] = co_await stream.async_connect(endpoints, quiet_awaitable);
        if (error == beast::error::timeout)
            co_return LinkFault{"connecting: the deadline passed", true, true};
        if (error) co_return LinkFault{"connecting: " + error.message(), true};
        error_code ignored;
        stream.socket().set_option(tcp::no_delay(true), ignored);
        co_return stream.release_socket();
    }

  private:
    asio::io_context& io_;
};

}  // namespace

std::unique_ptr<Network> make_network(asio::io_context& io) {
    return std::make_unique<SystemNetwork>(io);
}

}  // namespace relevo
