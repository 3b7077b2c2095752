#include "http/socket_io.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <vector>

#include "core/json_object.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "http/engine_io.hpp"
#include "http/socket_packet.hpp"

namespace relevo {
namespace asio = boost::asio;

namespace {

constexpr std::size_t id_bytes = 12;

using Namespaces = std::map<std::string, std::shared_ptr<const Namespace>, std::less<>>;

struct Shared {
    Shared(asio::io_context& context, SocketIoLimits its_limits) : io(context), limits(its_limits) {}
    asio::io_context& io;
    SocketIoLimits limits;
    Namespaces namespaces;
    SystemRandom random;
    bool gone = false;  ///< the server was destroyed: nobody is called back
};

class LiveSocket;

/// One engine connection and its sockets, one a namespace.
class Client : public std::enable_shared_from_this<Client> {
  public:
    Client(std::shared_ptr<Shared> shared, std::shared_ptr<EngineConnection> connection)
        : shared(std::move(shared)), connection(std::move(connection)), patience_(this->shared->io) {}

    void start();
    void receive(std::string message);
    void closed();
    void send(const SocketPacket& packet) { connection->send(encode_socket_packet(packet)); }

    std::shared_ptr<Shared> shared;
    std::shared_ptr<EngineConnection> connection;
    std::map<std::string, std::shared_ptr<LiveSocket>, std::less<>> sockets;

  private:
    void connect(SocketPacket packet);

    asio::steady_timer patience_;
};

class LiveSocket final : public Socket, public std::enable_shared_from_this<LiveSocket> {
  public:
    LiveSocket(std::shared_ptr<Client> client, std::string name, std::shared_ptr<const Namespace> name_space)
        : client_(std::move(client)),
          shared_(client_->shared),
          id_(shared_->random.hex(id_bytes)),
          name_(std::move(name)),
          peer_(client_->connection->peer()),
          namespace_(std::move(name_space)) {}

    const std::string& id() const override { return id_; }
    const std::string& name_space() const override { return name_; }
    const std::string& peer() const override { return peer_; }
    bool open() const override { return state_ != State::closed; }

    void emit(std::string_view event, std::string_view json_args) override {
        send({SocketPacketType::event, name_, std::nullopt, event_data(event, json_args)});
    }
    void disconnect() override { close(true); }
    void on_close(std::function<void()> callback) override {
        if (!open()) return callback();
        close_callbacks_.push_back(std::move(callback));
    }

    void deliver(SocketEvent event, std::optional<std::uint64_t> id);
    void close(bool tell_client);
    /// Asks the namespace whether the client may come in.
    static Task<void> greet(std::shared_ptr<LiveSocket> socket, std::string auth);

  private:
    enum class State { connecting, connected, closed };
    struct Waiting {
        SocketEvent event;
        std::optional<std::uint64_t> id;
    };

    void send(SocketPacket packet);
    void tell_disconnected();
    void admit();
    void refuse(const Error& error);
    std::function<void(std::string)> acknowledge(std::optional<std::uint64_t> id);
    static Task<void> handle_events(std::shared_ptr<LiveSocket> socket);

    std::shared_ptr<Client> client_;  // none once closed
    std::shared_ptr<Shared> shared_;
    std::string id_;
    std::string name_;
    std::string peer_;
    std::shared_ptr<const Namespace> namespace_;
    State state_ = State::connecting;
    std::vector<SocketPacket> early_;  // emitted while connecting
    std::deque<Waiting> waiting_;
    bool handling_ = false;
    std::vector<std::function<void()>> close_callbacks_;
};

void LiveSocket::send(SocketPacket packet) {
    if (state_ == State::connected) return client_->send(packet);
    if (state_ == State::closed) return;
    early_.push_back(std::move(packet));
    if (early_.size() > shared_->limits.engine.max_queued_packets) client_->connection->close("slow client");
}

Task<void> LiveSocket::greet(std::shared_ptr<LiveSocket> socket, std::string auth) {
    std::optional<Error> refusal;
    try {
        if (socket->namespace_->on_connect) {
            auto asked = socket->namespace_->on_connect(socket, std::move(auth));
            const auto answer = co_await std::move(asked);
            if (!answer) refusal = answer.error();
        }
    } catch (const std::exception& error) {
        log_error("socket.connect_failed", {{"namespace", socket->name_}, {"reason", error.what()}});
        refusal = Error{Fault::transient, "socket.internal", "the server failed: try again later"};
    }
    refusal ? socket->refuse(*refusal) : socket->admit();
}

void LiveSocket::tell_disconnected() {
    if (namespace_->on_disconnect && !shared_->gone) namespace_->on_disconnect(shared_from_this());
}

void LiveSocket::admit() {
    if (state_ == State::closed) return tell_disconnected();  // it left while it was being asked about
    state_ = State::connected;
    const auto self = shared_from_this();  // sending may close it
    client_->send({SocketPacketType::connect, name_, std::nullopt, JsonObject().text("sid", id_).str()});
    for (auto& packet : std::exchange(early_, {})) send(std::move(packet));
}

void LiveSocket::refuse(const Error& error) {
    if (state_ == State::closed) return;
    const auto client = client_;
    close(false);
    client->send(
        {SocketPacketType::connect_error, name_, std::nullopt, connect_error_data(error.text, error.code)});
}

void LiveSocket::close(bool tell_client) {
    if (state_ == State::closed) return;
    const auto self = shared_from_this();
    const bool was_connected = std::exchange(state_, State::closed) == State::connected;
    early_.clear();
    const auto client = std::exchange(client_, nullptr);
    client->sockets.erase(name_);
    if (tell_client) client->send({SocketPacketType::disconnect, name_, std::nullopt, ""});
    if (was_connected) tell_disconnected();
    const auto callbacks = std::exchange(close_callbacks_, {});
    if (shared_->gone) return;
    for (const auto& callback : callbacks) callback();
}

void LiveSocket::deliver(SocketEvent event, std::optional<std::uint64_t> id) {
    if (state_ != State::connected) return;
    if (waiting_.size() >= shared_->limits.max_waiting_events) {
        log_warn("socket.too_many_events", {{"namespace", name_}, {"peer", peer_}});
        return client_->connection->close("too many events");
    }
    waiting_.push_back({std::move(event), id});
    if (handling_) return;
    handling_ = true;
    asio::co_spawn(shared_->io, handle_events(shared_from_this()), asio::detached);
}

// One at a time: the order in which they were sent is the order of their effects.
Task<void> LiveSocket::handle_events(std::shared_ptr<LiveSocket> socket) {
    while (!socket->waiting_.empty()) {
        auto [event, id] = std::move(socket->waiting_.front());
        socket->waiting_.pop_front();
        if (!socket->namespace_->on_event) continue;
        try {
            auto handled = socket->namespace_->on_event(socket, std::move(event.name), std::move(event.args),
                                                        socket->acknowledge(id));
            co_await std::move(handled);
        } catch (const std::exception& error) {
            log_error("socket.event_failed", {{"namespace", socket->name_}, {"reason", error.what()}});
        }
    }
    socket->handling_ = false;
}

std::function<void(std::string)> LiveSocket::acknowledge(std::optional<std::uint64_t> id) {
    if (!id) return [](const std::string&) {};
    return
        [self = shared_from_this(), id, done = std::make_shared<bool>(false)](const std::string& json_args) {
            if (std::exchange(*done, true)) return;
            self->send({SocketPacketType::ack, self->name_, id, "[" + json_args + "]"});
        };
}

void Client::start() {
    connection->on_message = [self = shared_from_this()](std::string message) {
        self->receive(std::move(message));
    };
    connection->on_close = [self = shared_from_this()](std::string_view) { self->closed(); };
    patience_.expires_after(shared->limits.connect_timeout);
    patience_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
        const auto self = cancelled ? nullptr : weak.lock();
        if (self && self->sockets.empty()) self->connection->close("no namespace");
    });
}

void Client::receive(std::string message) {
    auto packet = decode_socket_packet(message);
    if (!packet) return connection->close("malformed packet");
    if (packet->type == SocketPacketType::connect) return connect(std::move(*packet));
    const auto found = sockets.find(packet->name_space);
    if (found == sockets.end()) return;  // it was disconnected while this was under way
    const auto socket = found->second;
    switch (packet->type) {
        case SocketPacketType::disconnect:
            return socket->close(false);
        case SocketPacketType::event:
            return socket->deliver(*parse_socket_event(packet->data), packet->id);
        case SocketPacketType::connect:
        case SocketPacketType::ack:            // we ask for none
        case SocketPacketType::connect_error:  // ours to say
        case SocketPacketType::binary_event:   // our events have no attachments
        case SocketPacketType::binary_ack:
            return;
    }
}

void Client::connect(SocketPacket packet) {
    const auto found = shared->namespaces.find(packet.name_space);
    if (found == shared->namespaces.end()) {
        return send({SocketPacketType::connect_error, packet.name_space, std::nullopt,
                     connect_error_data("Invalid namespace", "socket.unknown_namespace")});
    }
    if (sockets.contains(packet.name_space)) return connection->close("connected twice");
    auto socket = std::make_shared<LiveSocket>(shared_from_this(), packet.name_space, found->second);
    sockets.emplace(packet.name_space, socket);
    auto auth = packet.data.empty() ? std::string("{}") : std::move(packet.data);
    asio::co_spawn(shared->io, LiveSocket::greet(std::move(socket), std::move(auth)), asio::detached);
}

void Client::closed() {
    patience_.cancel();
    const auto all = sockets;
    for (const auto& [name, socket] : all) socket->close(false);
}

}  // namespace

struct SocketIoServer::State {
    State(asio::io_context& io, SocketIoLimits limits)
        : shared(std::make_shared<Shared>(io, limits)),
          engine(io, limits.engine, [shared = shared](std::shared_ptr<EngineConnection> connection) {
              std::make_shared<Client>(shared, std::move(connection))->start();
          }) {}

    std::shared_ptr<Shared> shared;
    EngineServer engine;
};

SocketIoServer::SocketIoServer(asio::io_context& io, SocketIoLimits limits)
    : state_(std::make_shared<State>(io, limits)) {}

SocketIoServer::~SocketIoServer() {
    state_->shared->gone = true;
}

void SocketIoServer::add(std::string name, Namespace name_space) {
    state_->shared->namespaces[std::move(name)] = std::make_shared<const Namespace>(std::move(name_space));
}

std::size_t SocketIoServer::sessions() const {
    return state_->engine.sessions();
}

Task<HttpResponse> SocketIoServer::handle(HttpRequest request) {
    return state_->engine.handle(std::move(request));
}

Task<void> SocketIoServer::take_over(asio::ip::tcp::socket socket, HttpRequest head) {
    return state_->engine.take_over(std::move(socket), std::move(head));
}

std::size_t SocketIoServer::max_body_bytes() const {
    return state_->engine.max_body_bytes();
}

void SocketIoServer::stop() {
    state_->engine.stop();
}

}  // namespace relevo
