#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>

#include "core/task.hpp"

namespace relevo::loopback {

namespace asio = boost::asio;
using asio::ip::tcp;
inline constexpr auto quiet = asio::as_tuple(asio::use_awaitable);
inline constexpr std::chrono::seconds patience{20};

/// Runs the context until the task is done; throws what it throws.
template <class T>
T run(asio::io_context& io, Task<T> task) {
    using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
    std::optional<Value> value;
    std::exception_ptr error;
    bool done = false;
    auto body = [&]() -> Task<void> {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(task);
            value.emplace();
        } else {
            value.emplace(co_await std::move(task));
        }
    };
    asio::co_spawn(io, body(), [&](std::exception_ptr thrown) {
        error = thrown;
        done = true;
    });
    const auto until = std::chrono::steady_clock::now() + patience;
    io.restart();
    while (!done && std::chrono::steady_clock::now() < until) io.run_one_until(until);
    if (!done) throw std::runtime_error("the task did not end in time");
    if (error) std::rethrow_exception(error);
    if constexpr (!std::is_void_v<T>) return std::move(*value);
}

/// Runs the context until the condition holds; false if it never did.
inline bool run_until(asio::io_context& io, const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + patience;
    io.restart();
    while (!condition() && std::chrono::steady_clock::now() < until) {
        io.run_one_until(std::min(until, std::chrono::steady_clock::now() + std::chrono::milliseconds(20)));
    }
    return condition();
}

inline Task<tcp::socket> connect(asio::io_context& io, std::uint16_t port) {
    tcp::socket socket(io);
    const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
    co_await socket.async_connect(endpoint, asio::use_awaitable);
    co_return std::move(socket);
}

/// All that the other side says until it closes.
inline Task<std::string> read_all(tcp::socket& socket) {
    std::string text;
    char part[4096];
    while (true) {
        const auto [error, size] = co_await socket.async_read_some(asio::buffer(part), quiet);
        text.append(part, size);
        if (error) co_return text;
    }
}

inline Task<std::string> read_to(tcp::socket& socket, std::string end) {
    std::string text;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(text), end, quiet);
    co_return text;
}

/// Sends `request` as it is and returns everything until the server closes.
inline Task<std::string> converse(asio::io_context& io, std::uint16_t port, std::string request) {
    auto socket = co_await connect(io, port);
    co_await asio::async_write(socket, asio::buffer(request), quiet);
    co_return co_await read_all(socket);
}

/// A server that follows a script, one coroutine a connection.
class ScriptedServer {
  public:
    using Script = std::function<Task<void>(tcp::socket socket, int nth_connection)>;

    ScriptedServer(asio::io_context& io, Script script)
        : acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), script_(std::move(script)) {
        asio::co_spawn(io, accept(), asio::detached);
    }
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    std::string url(std::string path) const { return "http://127.0.0.1:" + std::to_string(port()) + path; }
    int connections() const { return connections_; }

  private:
    Task<void> accept() {
        while (true) {
            auto [error, socket] = co_await acceptor_.async_accept(quiet);
            if (error) co_return;
            auto running = script_(std::move(socket), ++connections_);
            asio::co_spawn(acceptor_.get_executor(), std::move(running), asio::detached);
        }
    }

    tcp::acceptor acceptor_;
    Script script_;
    int connections_ = 0;
};

}  // namespace relevo::loopback
