#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/engine_session.hpp"
#include "http/server.hpp"

namespace relevo {

/// A client in one namespace. Used on the server's thread only; holding it after its end is harmless.
class Socket {
  public:
    virtual ~Socket() = default;
    virtual const std::string& id() const = 0;
    virtual const std::string& name_space() const = 0;
    /// The remote address, for limits and the log.
    virtual const std::string& peer() const = 0;
    virtual bool open() const = 0;
    /// `json_args`: the JSON texts of the arguments, separated by commas. What is emitted during on_connect
    /// arrives after the client knows that it is connected. Without effect once closed; a client that does
    /// not take what is queued for it is disconnected.
    virtual void emit(std::string_view event, std::string_view json_args) = 0;
    /// The client stays away until its page connects again.
    virtual void disconnect() = 0;
    /// Runs once, when the socket closes; at once if it has.
    virtual void on_close(std::function<void()> callback) = 0;
};

/// What a namespace does. All of it runs on the server's thread.
struct Namespace {
    /// `auth_json` is the client's auth payload, an object. An error refuses the client, which gets
    /// {"message": text, "data": {"code": code}}.
    std::function<Task<Result<void>>(std::shared_ptr<Socket>, std::string auth_json)> on_connect;
    /// One event after the other for each socket. `args_json_array` is what follows the event's name; `ack`
    /// answers a client that asked for it, once, and is a no-op otherwise.
    std::function<Task<void>(std::shared_ptr<Socket>, std::string event, std::string args_json_array,
                             std::function<void(std::string json_args)> ack)>
        on_event;
    /// Once for every socket whose on_connect succeeded; an event may still be running.
    std::function<void(std::shared_ptr<Socket>)> on_disconnect;
};

struct SocketIoLimits {
    EngineLimits engine;
    std::size_t max_waiting_events =
        100;                         ///< of one socket, behind the one being handled; disconnected beyond
    Millis connect_timeout{45'000};  ///< for a client to join its first namespace
};

/// A Socket.IO 5 server for the stock clients: mount it at "/socket.io/". Events without binary attachments.
class SocketIoServer final : public Mount {
  public:
    explicit SocketIoServer(boost::asio::io_context& io, SocketIoLimits limits = {});
    /// Ends everything without calling anyone back; see stop().
    ~SocketIoServer() override;

    /// `name` starts with a slash. Call it before the server listens.
    void add(std::string name, Namespace name_space);
    /// Engine sessions, in whatever namespace.
    std::size_t sessions() const;

    Task<HttpResponse> handle(HttpRequest request) override;
    Task<void> take_over(boost::asio::ip::tcp::socket socket, HttpRequest head) override;
    std::size_t max_body_bytes() const override;
    /// Disconnects everyone; their clients reconnect, here or elsewhere.
    void stop() override;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace relevo
