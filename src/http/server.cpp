#include "http/server.hpp"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <list>

#include "core/log.hpp"
#include "http/connection.hpp"

namespace relevo {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto quiet_awaitable = asio::as_tuple(asio::use_awaitable);
// Out of descriptors: somebody has to close one first.
constexpr Millis accept_pause{100};

std::string normal_path(std::string path) {
    if (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

// Told without reading anything: whoever is above the cap costs nothing else.
Task<void> refuse(tcp::socket socket) {
    auto response = error_response(503, "http.connections", "too many connections: try again later");
    const auto text = fmt::format(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: "
        "close\r\n\r\n{}",
        response.content_type, response.body.size(), response.body);
    co_await asio::async_write(socket, asio::buffer(text), quiet_awaitable);
}

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
    explicit State(asio::io_context& context) : io(context), acceptor(context), changed(context) {}

    asio::io_context& io;
    tcp::acceptor acceptor;
    std::shared_ptr<Serving> serving = std::make_shared<Serving>();
    std::list<std::shared_ptr<OpenConnection>> connections;
    asio::steady_timer changed;  // cancelled whenever a connection is gone

    Task<void> accept(std::shared_ptr<State> self);
    void start(tcp::socket socket);
    bool make_room();
    Task<void> wait_empty(std::chrono::steady_clock::time_point until);
    void cancel(bool idle_only);
};

// `self` keeps the state alive while the acceptor is being waited for.
Task<void> HttpServer::State::accept(std::shared_ptr<State> self) {
    asio::steady_timer pause(self->io);
    while (self->acceptor.is_open()) {
        auto [error, socket] = co_await self->acceptor.async_accept(quiet_awaitable);
        if (error == asio::error::operation_aborted) co_return;
        if (error) {
            log_warn("http.accept_failed", {{"reason", error.message()}});
            pause.expires_after(accept_pause);
            co_await pause.async_wait(quiet_awaitable);
            continue;
        }
        self->start(std::move(socket));
    }
}

void HttpServer::State::start(tcp::socket socket) {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    if (connections.size() >= serving->limits.max_connections && !make_room()) {
        asio::co_spawn(io, refuse(std::move(socket)), asio::detached);
        return;
    }
    auto connection = std::make_shared<OpenConnection>();
    const auto place = connections.insert(connections.end(), connection);
    auto ended = [self = shared_from_this(), connection, place](std::exception_ptr) {
        self->connections.erase(place);
        self->changed.cancel();
    };
    asio::co_spawn(io, serve_connection(std::move(socket), serving, connection),
                   asio::bind_cancellation_slot(connection->cancel.slot(), std::move(ended)));
}

// Connections that only wait must not keep others out: whoever has waited longest goes.
bool HttpServer::State::make_room() {
    if (serving->idle.empty()) return false;
    OpenConnection* const longest = serving->idle.front();
    serving->idle.pop_front();
    longest->idle = false;
    longest->cancel.emit(asio::cancellation_type::terminal);
    return true;
}

Task<void> HttpServer::State::wait_empty(std::chrono::steady_clock::time_point until) {
    while (!connections.empty() && std::chrono::steady_clock::now() < until) {
        changed.expires_at(until);
        co_await changed.async_wait(quiet_awaitable);
    }
}

void HttpServer::State::cancel(bool idle_only) {
    const auto all = connections;  // those that end at once leave the list
    for (const auto& connection : all) {
        if (connection->idle || !idle_only) connection->cancel.emit(asio::cancellation_type::terminal);
    }
}

HttpServer::HttpServer(asio::io_context& io, ServerLimits limits, HttpHandler handler, HeadCheck check)
    : state_(std::make_shared<State>(io)) {
    state_->serving->limits = limits;
    state_->serving->handler = std::move(handler);
    state_->serving->check = std::move(check);
}

HttpServer::~HttpServer() {
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
    state_->serving->stopping = true;
    state_->cancel(false);
}

void HttpServer::mount_socket(std::string path, Mount& mount) {
    state_->serving->mounts.emplace_back(normal_path(std::move(path)), &mount);
}

void HttpServer::listen(const std::string& address, std::uint16_t port) {
    try {
        const tcp::endpoint endpoint(asio::ip::make_address(address), port);
        auto& acceptor = state_->acceptor;
        acceptor.open(endpoint.protocol());
        acceptor.set_option(tcp::acceptor::reuse_address(true));
        acceptor.bind(endpoint);
        acceptor.listen();
    } catch (const boost::system::system_error& error) {
        boost::system::error_code ignored;
        state_->acceptor.close(ignored);  // another port may be tried
        throw Failure({Fault::permanent, "http.listen",
                       fmt::format("cannot listen on {}:{}: {}", address, port, error.code().message())});
    }
    asio::co_spawn(state_->io, state_->accept(state_), asio::detached);
}

std::uint16_t HttpServer::port() const {
    return state_->acceptor.local_endpoint().port();
}

std::size_t HttpServer::connections() const {
    return state_->connections.size();
}

Task<void> HttpServer::stop(Millis deadline) {
    const auto state = state_;
    boost::system::error_code ignored;
    state->acceptor.close(ignored);
    state->serving->stopping = true;
    for (const auto& [path, mount] : state->serving->mounts) mount->stop();
    state->cancel(true);
    co_await state->wait_empty(std::chrono::steady_clock::now() + deadline);
    if (state->connections.empty()) co_return;
    log_warn("http.stop_cancelled", {{"connections", state->connections.size()}});
    state->cancel(false);
    // What was cancelled ends at once; one second is for handlers that finish something first.
    co_await state->wait_empty(std::chrono::steady_clock::now() + std::chrono::seconds(1));
}

}  // namespace relevo
