#include "http/engine_io.hpp"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <map>

#include "core/random.hpp"
#include "http/engine_answers.hpp"

namespace relevo {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;

namespace {

constexpr auto quiet_awaitable = asio::as_tuple(asio::use_awaitable);
constexpr auto far_future = std::chrono::steady_clock::time_point::max();
// For the last frames and the closing handshake; then the socket is closed whatever the client does.
constexpr Millis close_deadline{5'000};
constexpr std::size_t sid_bytes = 16;

namespace refusals = engine_refusals;
using Transport = EngineSession::Transport;

EngineSession::Time now() {
    return std::chrono::steady_clock::now();
}

/// A WebSocket, and whatever ends it in time.
struct WebSocket {
    explicit WebSocket(tcp::socket socket)
        : stream(std::move(socket)),
          wake(stream.get_executor(), far_future),
          deadline(stream.get_executor()) {}

    websocket::stream<beast::tcp_stream> stream;
    asio::steady_timer wake;
    asio::steady_timer deadline;
    bool active = false;  ///< carries its session

    void shut() {
        boost::system::error_code ignored;
        beast::get_lowest_layer(stream).socket().close(ignored);
        wake.cancel();
    }
};

void shut_after(const std::shared_ptr<WebSocket>& socket, Millis wait) {
    socket->deadline.expires_after(wait);
    socket->deadline.async_wait([weak = std::weak_ptr(socket)](boost::system::error_code cancelled) {
        const auto open = cancelled ? nullptr : weak.lock();
        if (open) open->shut();
    });
}

class Session;
using Sessions = std::map<std::string, std::shared_ptr<Session>, std::less<>>;

class Session final : public EngineConnection, public std::enable_shared_from_this<Session> {
  public:
    Session(asio::io_context& io, EngineSession machine, std::string peer, std::weak_ptr<Sessions> sessions)
        : machine(std::move(machine)),
          poll_wake(io, far_future),
          peer_(std::move(peer)),
          sessions_(std::move(sessions)) {}

    void send(std::string_view message) override {
        machine.send(message);
        settle();
    }
    void close(std::string_view reason) override {
        machine.close(reason);
        settle();
    }
    const std::string& peer() const override { return peer_; }

    void deliver(EngineSession::Received received) {
        for (auto& message : received.messages) {
            const auto handler = on_message;  // may be dropped by what it does
            if (handler) handler(std::move(message));
        }
        settle();
    }

    /// Does what the machine's last input made due.
    void settle() {
        if (machine.has_output()) {
            poll_wake.cancel();
            if (socket) socket->wake.cancel();
        }
        if (!machine.closed() || over_) return;
        over_ = true;
        const auto self = shared_from_this();
        if (const auto sessions = sessions_.lock()) sessions->erase(machine.sid());
        if (socket) {
            socket->wake.cancel();
            shut_after(socket, close_deadline);
        }
        on_message = nullptr;
        const auto closed = std::exchange(on_close, nullptr);
        if (closed) closed(*machine.closed());
    }

    EngineSession machine;
    asio::steady_timer poll_wake;
    std::shared_ptr<WebSocket> socket;  ///< active, or wanting to take over

  private:
    std::string peer_;
    std::weak_ptr<Sessions> sessions_;
    bool over_ = false;
};

Task<HttpResponse> poll(std::shared_ptr<Session> session) {
    if (!session->machine.begin_poll()) {
        session->settle();
        co_return to_response(refusals::bad_request);
    }
    struct Poll {
        EngineSession& machine;
        bool answered = false;
        ~Poll() {
            if (!answered) machine.end_poll();
        }
    } waiting{session->machine};
    while (true) {
        auto answer = session->machine.take_poll_answer();
        if (answer) {
            waiting.answered = true;
            co_return text_response(std::move(*answer));
        }
        session->poll_wake.expires_at(far_future);
        co_await session->poll_wake.async_wait(quiet_awaitable);  // at the latest the next ping wakes it
    }
}

Task<void> write_frames(std::shared_ptr<Session> session, std::shared_ptr<WebSocket> socket) {
    socket->stream.text(true);
    while (true) {
        while (auto frame = session->machine.take_frame()) {
            const auto [error, size] =
                co_await socket->stream.async_write(asio::buffer(*frame), quiet_awaitable);
            if (error) {
                socket->shut();
                session->close("transport closed");
                co_return;
            }
        }
        if (session->machine.closed()) break;
        socket->wake.expires_at(far_future);
        co_await socket->wake.async_wait(quiet_awaitable);
    }
    co_await socket->stream.async_close(websocket::close_code::going_away, quiet_awaitable);
    socket->shut();
}

void activate(const std::shared_ptr<Session>& session, const std::shared_ptr<WebSocket>& socket) {
    socket->active = true;
    socket->deadline.cancel();
    auto writing = write_frames(session, socket);
    asio::co_spawn(socket->stream.get_executor(), std::move(writing), asio::detached);
}

Task<void> read_frames(std::shared_ptr<Session> session, std::shared_ptr<WebSocket> socket) {
    beast::flat_buffer buffer;
    while (true) {
        const auto [error, size] = co_await socket->stream.async_read(buffer, quiet_awaitable);
        if (error) break;
        if (!socket->stream.got_text()) {  // an attachment: our events have none
            buffer.consume(buffer.size());
            continue;
        }
        const std::string_view frame(static_cast<const char*>(buffer.data().data()), buffer.size());
        auto received = session->machine.receive_frame(frame, now());
        buffer.consume(buffer.size());
        if (!received.reply.empty()) {
            const auto reply = std::move(received.reply);
            const auto [write_error, written] =
                co_await socket->stream.async_write(asio::buffer(reply), quiet_awaitable);
            if (write_error) break;
        }
        if (!socket->active && session->machine.transport() == Transport::websocket)
            activate(session, socket);
        session->deliver(std::move(received));
    }
    if (socket->active) {
        session->close("transport closed");
    } else {
        session->machine.end_probe();
        if (session->socket == socket) session->socket.reset();
        socket->shut();
    }
}

Task<void> refuse(tcp::socket socket, HttpResponse response) {
    const auto text = fmt::format(
        "HTTP/1.1 {} Refused\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
        response.status, response.content_type, response.body.size(), response.body);
    co_await asio::async_write(socket, asio::buffer(text), quiet_awaitable);
}

}  // namespace

struct EngineServer::State {
    State(asio::io_context& context, EngineLimits its_limits, Accept its_accept)
        : io(context), limits(its_limits), accept(std::move(its_accept)), sweep(context) {}

    asio::io_context& io;
    EngineLimits limits;
    Accept accept;
    SystemRandom random;
    std::shared_ptr<Sessions> sessions = std::make_shared<Sessions>();
    asio::steady_timer sweep;
    bool stopped = false;

    std::optional<EngineRefusal> refusal(const HttpRequest& request, std::string_view transport) const;
    std::shared_ptr<Session> find(const HttpRequest& request) const;
    std::shared_ptr<Session> create(Transport transport, const HttpRequest& request);
    static Task<HttpResponse> answer(std::shared_ptr<State> state, HttpRequest request);
    static Task<void> tick(std::shared_ptr<State> state);
};

std::optional<EngineRefusal> EngineServer::State::refusal(const HttpRequest& request,
                                                          std::string_view transport) const {
    if (request.query("EIO") != "4") return refusals::unsupported_version;
    const auto wanted = request.query("transport");
    if (wanted != "polling" && wanted != "websocket") return refusals::unknown_transport;
    if (wanted != transport) return refusals::bad_request;
    if (!request.query("sid").empty())
        return find(request) ? std::nullopt : std::optional(refusals::unknown_session);
    if (request.method != "GET") return refusals::bad_method;
    if (stopped || sessions->size() >= limits.max_sessions) return refusals::too_many;
    return std::nullopt;
}

std::shared_ptr<Session> EngineServer::State::find(const HttpRequest& request) const {
    const auto found = sessions->find(request.query("sid"));
    return found == sessions->end() ? nullptr : found->second;
}

std::shared_ptr<Session> EngineServer::State::create(Transport transport, const HttpRequest& request) {
    auto sid = random.hex(sid_bytes);
    auto session = std::make_shared<Session>(io, EngineSession(sid, transport, limits, now()), request.peer,
                                             std::weak_ptr(sessions));
    sessions->emplace(std::move(sid), session);
    accept(session);
    return session;
}

Task<HttpResponse> EngineServer::State::answer(std::shared_ptr<State> state, HttpRequest request) {
    if (request.method == "OPTIONS") co_return preflight_response();
    if (const auto refused = state->refusal(request, "polling")) co_return to_response(*refused);
    auto session = state->find(request);
    if (!session) {
        session = state->create(Transport::polling, request);
        auto first = poll(session);
        co_return co_await std::move(first);
    }
    if (session->machine.transport() != Transport::polling) co_return to_response(refusals::bad_request);
    if (request.method == "GET") {
        auto next = poll(session);
        co_return co_await std::move(next);
    }
    if (request.method != "POST") co_return to_response(refusals::bad_method);
    session->deliver(session->machine.receive_payload(request.body, now()));
    if (session->machine.closed() == "malformed payload") co_return to_response(refusals::bad_request);
    co_return text_response("ok");
}

// One timer for all sessions: a ping may be late by a fraction of its interval.
Task<void> EngineServer::State::tick(std::shared_ptr<State> state) {
    const auto interval = std::min<Millis>(Millis(1'000), state->limits.ping_interval / 4 + Millis(1));
    while (!state->stopped || !state->sessions->empty()) {
        state->sweep.expires_after(interval);
        const auto [cancelled] = co_await state->sweep.async_wait(quiet_awaitable);
        if (cancelled) co_return;
        const auto all = *state->sessions;  // closed ones leave the map
        for (const auto& [sid, session] : all) {
            session->machine.tick(now());
            session->settle();
        }
    }
}

EngineServer::EngineServer(asio::io_context& io, EngineLimits limits, Accept accept)
    : state_(std::make_shared<State>(io, limits, std::move(accept))) {
    asio::co_spawn(io, State::tick(state_), asio::detached);
}

EngineServer::~EngineServer() {
    state_->stopped = true;
    state_->sweep.cancel();
    const auto all = std::exchange(*state_->sessions, {});
    for (const auto& [sid, session] : all) session->close("server gone");
}

Task<HttpResponse> EngineServer::handle(HttpRequest request) {
    const std::string origin(request.header("Origin"));
    auto running = State::answer(state_, std::move(request));
    auto response = co_await std::move(running);
    allow_origin(origin, response);
    co_return response;
}

Task<void> EngineServer::take_over(tcp::socket raw, HttpRequest head) {
    const auto state = state_;
    auto refused = state->refusal(head, "websocket");
    auto session = state->find(head);
    const bool probes = session != nullptr;
    if (probes && (session->machine.transport() == Transport::websocket || session->socket))
        refused = refusals::bad_request;
    if (refused) {
        co_await refuse(std::move(raw), to_response(*refused));
        co_return;
    }

    auto socket = std::make_shared<WebSocket>(std::move(raw));
    // Liveness is the protocol's own ping; Beast's timeout covers the handshakes.
    websocket::stream_base::timeout timeouts{std::chrono::seconds(10), websocket::stream_base::none(), false};
    socket->stream.set_option(timeouts);
    socket->stream.read_message_max(state->limits.max_payload);
    http::request<http::empty_body> request(http::verb::get, head.target, 11);
    for (const auto& [name, value] : head.headers) request.insert(name, value);
    if (probes) session->socket = socket;
    const auto [error] = co_await socket->stream.async_accept(request, quiet_awaitable);
    if (error) {
        if (probes && session->socket == socket) session->socket.reset();
        co_return;
    }
    if (probes) {
        shut_after(socket, state->limits.upgrade_timeout);
    } else {
        session = state->create(Transport::websocket, head);
        session->socket = socket;
        activate(session, socket);
    }
    co_await read_frames(session, socket);
}

std::size_t EngineServer::max_body_bytes() const {
    return state_->limits.max_payload;
}

void EngineServer::stop() {
    state_->stopped = true;
    const auto all = *state_->sessions;
    for (const auto& [sid, session] : all) session->close("server stopping");
}

std::size_t EngineServer::sessions() const {
    return state_->sessions->size();
}

}  // namespace relevo
