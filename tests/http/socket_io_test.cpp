#include "http/socket_io.hpp"

#include <doctest/doctest.h>

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

#include "http/client.hpp"
#include "http/server.hpp"
#include "tests/http/loopback.hpp"

namespace relevo {
namespace {

using namespace loopback;
namespace beast = boost::beast;

const std::string handshake = "/socket.io/?EIO=4&transport=polling";

struct Fixture {
    explicit Fixture(SocketIoLimits limits = {}) : sockets(io, limits) {
        Namespace web;
        web.on_connect = [this](std::shared_ptr<Socket> socket, std::string auth) -> Task<Result<void>> {
            last_auth = auth;
            if (auth.find("good") == std::string::npos) {
                co_return Error{Fault::permanent, "web.unknown_key", "this key is unknown"};
            }
            if (auth.find("slow") != std::string::npos) co_await gate.async_wait(quiet);
            socket->emit("session", R"({"visitor":"v"})");
            joined.push_back(socket);
            co_return Result<void>{};
        };
        web.on_event = [this](std::shared_ptr<Socket>, std::string event, std::string args,
                              std::function<void(std::string)> ack) -> Task<void> {
            if (event == "throw") throw std::runtime_error("no");
            if (event == "wait") co_await gate.async_wait(quiet);
            events.push_back(event + args);
            ack(R"({"ok":true})");
            ack("never");
        };
        web.on_disconnect = [this](std::shared_ptr<Socket>) { ++left; };
        sockets.add("/web", std::move(web));
        server.mount_socket("/socket.io/", sockets);
        server.listen("127.0.0.1", 0);
    }

    HttpResponse ask(std::string method, std::string target, std::string body = "") {
        HttpCall call;
        call.method = std::move(method);
        call.url = "http://127.0.0.1:" + std::to_string(server.port()) + target;
        call.chosen_by = ChosenBy::installation;
        call.body = std::move(body);
        call.headers = {{"Origin", "https://shop.example"}};
        return run(io, client.send(std::move(call))).value();
    }

    /// A polling session's target, with its sid.
    std::string open() {
        const auto body = ask("GET", handshake).body;
        const auto sid = body.find("\"sid\":\"") + 7;
        return handshake + "&sid=" + body.substr(sid, body.find('"', sid) - sid);
    }
    std::string open_web(std::string auth = R"({"key":"good"})") {
        const auto session = open();
        CHECK(ask("POST", session, "40/web," + auth).body == "ok");
        return session;
    }

    asio::io_context io{1};
    asio::steady_timer gate{io, std::chrono::steady_clock::time_point::max()};
    std::string last_auth;
    std::vector<std::shared_ptr<Socket>> joined;
    std::vector<std::string> events;
    int left = 0;
    SocketIoServer sockets;
    HttpServer server{io, {}, [](HttpRequest) -> Task<HttpResponse> {
                          co_return error_response(404, "http.unknown_path", "nothing is here");
                      }};
    PooledHttpClient client{io};
};

/// A WebSocket client that speaks packets.
class Wire {
  public:
    Wire(Fixture& at, std::string target) : at_(at), stream_(at.io) { run(at.io, open(std::move(target))); }
    void say(std::string text) { run(at_.io, write(std::move(text))); }
    /// The next frame; "closed" once the server has closed.
    std::string hear() { return run(at_.io, read()); }

  private:
    Task<void> open(std::string target) {
        const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), at_.server.port());
        co_await stream_.next_layer().async_connect(endpoint, asio::use_awaitable);
        co_await stream_.async_handshake("127.0.0.1", target, asio::use_awaitable);
    }
    Task<void> write(std::string text) {
        co_await stream_.async_write(asio::buffer(text), asio::use_awaitable);
    }
    Task<std::string> read() {
        beast::flat_buffer buffer;
        const auto [error, size] = co_await stream_.async_read(buffer, quiet);
        co_return error ? "closed" : beast::buffers_to_string(buffer.data());
    }

    Fixture& at_;
    beast::websocket::stream<tcp::socket> stream_;
};

const std::string websocket = "/socket.io/?EIO=4&transport=websocket";

std::string connected(const Fixture& at) {
    return R"(40/web,{"sid":")" + at.joined.back()->id() + R"("})";
}

}  // namespace

TEST_CASE("a polling client joins a namespace, talks, is acknowledged and leaves") {
    Fixture at;
    const auto session = at.open_web();
    CHECK(at.ask("GET", session).body == connected(at) +
                                             "\x1e"
                                             R"(42/web,["session",{"visitor":"v"}])");
    CHECK(at.last_auth == R"({"key":"good"})");
    CHECK(at.joined.back()->peer() == "127.0.0.1");

    CHECK(at.ask("POST", session, R"(42/web,7["message",{"text":"hola"}])").body == "ok");
    CHECK(at.ask("GET", session).body == R"(43/web,7[{"ok":true}])");
    CHECK(at.events == std::vector<std::string>{R"(message[{"text":"hola"}])"});

    at.ask("POST", session, "41/web,");
    CHECK(at.left == 1);
    CHECK_FALSE(at.joined.back()->open());
    CHECK(at.sockets.sessions() == 1);  // the engine's session stays for other namespaces
    at.ask("POST", session, "1");
    CHECK(at.sockets.sessions() == 0);
    CHECK(at.left == 1);
}

TEST_CASE("a WebSocket client does the same without polling") {
    Fixture at;
    Wire wire(at, websocket);
    CHECK(wire.hear().starts_with("0{\"sid\":"));
    wire.say(R"(40/web,{"key":"good"})");
    CHECK(wire.hear() == connected(at));
    CHECK(wire.hear() == R"(42/web,["session",{"visitor":"v"}])");
    wire.say(R"(42/web,0["message"])");
    CHECK(wire.hear() == R"(43/web,0[{"ok":true}])");
    at.joined.back()->disconnect();
    CHECK(wire.hear() == "41/web,");
    CHECK(at.left == 1);
}

TEST_CASE("a polling session is upgraded to a WebSocket and loses nothing") {
    Fixture at;
    const auto session = at.open_web();
    at.ask("GET", session);
    std::string polled;
    auto poll = [&]() -> Task<void> {
        HttpCall call;
        call.method = "GET";
        call.url = "http://127.0.0.1:" + std::to_string(at.server.port()) + session;
        call.chosen_by = ChosenBy::installation;
        auto task = at.client.send(std::move(call));
        const auto reply = co_await std::move(task);
        polled = reply->body;
    };
    asio::co_spawn(at.io, poll(), asio::detached);
    Wire wire(at, websocket + session.substr(handshake.size()));
    wire.say("2probe");
    CHECK(wire.hear() == "3probe");
    REQUIRE(run_until(at.io, [&] { return !polled.empty(); }));
    CHECK(polled == "6");
    at.joined.back()->emit("late", "1,2");
    wire.say("5");
    CHECK(wire.hear() == R"(42/web,["late",1,2])");
    CHECK(at.ask("GET", session).status == 400);
}

TEST_CASE("a WebSocket that never finishes its upgrade is closed, and the session goes on polling") {
    SocketIoLimits limits;
    limits.engine.upgrade_timeout = Millis(30);
    Fixture at(limits);
    const auto session = at.open_web();
    at.ask("GET", session);
    Wire wire(at, websocket + session.substr(handshake.size()));
    CHECK(wire.hear() == "closed");
    at.joined.back()->emit("still", "");
    CHECK(at.ask("GET", session).body == R"(42/web,["still"])");
}

TEST_CASE("a client that on_connect refuses is told why, and may try again") {
    Fixture at;
    const auto session = at.open_web(R"({"key":"bad"})");
    CHECK(at.ask("GET", session).body ==
          R"(44/web,{"message":"this key is unknown","data":{"code":"web.unknown_key"}})");
    at.ask("POST", session, R"(40/web,{"key":"good"})");
    CHECK(at.ask("GET", session).body.starts_with("40/web,"));
    at.ask("POST", session, "1");
    CHECK(at.left == 1);
}

TEST_CASE("an unknown namespace is refused, and a missing payload is an empty object") {
    Fixture at;
    const auto session = at.open();
    at.ask("POST", session, "40/none,");
    CHECK(at.ask("GET", session).body.starts_with(R"(44/none,{"message":"Invalid namespace")"));
    at.ask("POST", session, "40/web,");
    CHECK(at.last_auth == "{}");
}

TEST_CASE("events of one socket are handled one after the other, in their order") {
    Fixture at;
    const auto session = at.open_web();
    at.ask("GET", session);
    at.ask("POST", session,
           "42/web,[\"wait\"]\x1e"
           "42/web,[\"throw\"]\x1e"
           "42/web,[\"b\"]");
    CHECK(at.events.empty());
    at.gate.cancel();
    REQUIRE(run_until(at.io, [&] { return at.events.size() == 2; }));
    CHECK(at.events == std::vector<std::string>{"wait[]", "b[]"});
}

TEST_CASE("more events than may wait close the connection") {
    SocketIoLimits limits;
    limits.max_waiting_events = 2;
    Fixture at(limits);
    const auto session = at.open_web();
    at.ask("GET", session);
    std::string flood = "42/web,[\"wait\"]";
    for (int i = 0; i < 5; ++i)
        flood +=
            "\x1e"
            "42/web,[\"b\"]";
    at.ask("POST", session, flood);
    CHECK(at.sockets.sessions() == 0);
    CHECK(at.left == 1);
}

TEST_CASE("a client that leaves while on_connect asks is still told of as gone") {
    Fixture at;
    const auto session = at.open_web(R"({"key":"good slow"})");
    at.ask("POST", session, "1");
    CHECK(at.left == 0);
    at.gate.cancel();
    REQUIRE(run_until(at.io, [&] { return at.joined.size() == 1; }));
    CHECK(at.left == 1);
    CHECK_FALSE(at.joined.back()->open());
    bool called = false;
    at.joined.back()->on_close([&] { called = true; });
    CHECK(called);
}

TEST_CASE("a client that answers no ping is closed, whatever its transport") {
    SocketIoLimits limits;
    limits.engine.ping_interval = Millis(20);
    limits.engine.ping_timeout = Millis(20);
    Fixture at(limits);
    at.open_web();
    Wire wire(at, websocket);
    CHECK(wire.hear().starts_with("0{"));
    CHECK(wire.hear() == "2");
    CHECK(wire.hear() == "1");
    CHECK(wire.hear() == "closed");
    REQUIRE(run_until(at.io, [&] { return at.sockets.sessions() == 0; }));
    CHECK(at.left == 1);
}

TEST_CASE("requests that are not of the protocol get the reference server's codes") {
    Fixture at;
    const auto session = at.open();
    const auto code = [&](std::string method, std::string target, std::string body = "") {
        const auto response = at.ask(std::move(method), std::move(target), std::move(body));
        CHECK(response.status == 400);
        return response.body.substr(0, 9);
    };
    CHECK(code("GET", "/socket.io/?EIO=4&transport=pigeon") == R"({"code":0)");
    CHECK(code("GET", handshake + "&sid=unknown") == R"({"code":1)");
    CHECK(code("POST", handshake, "40") == R"({"code":2)");
    CHECK(code("GET", websocket) == R"({"code":3)");
    CHECK(code("GET", "/socket.io/?EIO=3&transport=polling") == R"({"code":5)");
    CHECK(code("POST", session, "nonsense") == R"({"code":3)");
    CHECK(at.sockets.sessions() == 0);
    CHECK(at.ask("GET", "/socket.io/socket.io.min.js").status == 404);  // the handler's, not ours
}

TEST_CASE("pages of any origin may use it, without credentials") {
    Fixture at;
    const auto preflight = at.ask("OPTIONS", handshake);
    CHECK(preflight.status == 204);
    const auto response = at.ask("GET", handshake);
    const auto header = [&](std::string_view name) {
        for (const auto& [key, value] : response.headers) {
            if (key == name) return value;
        }
        return std::string();
    };
    CHECK(header("Access-Control-Allow-Origin") == "https://shop.example");
    CHECK(header("Access-Control-Allow-Credentials").empty());
    CHECK(header("Vary") == "Origin");
}

TEST_CASE("a malformed Socket.IO packet ends the connection") {
    Fixture at;
    Wire wire(at, websocket);
    wire.hear();
    wire.say("4nonsense");
    CHECK(wire.hear() == "1");
    CHECK(wire.hear() == "closed");
}

TEST_CASE("attachments are ignored, and the connection goes on") {
    Fixture at;
    const auto session = at.open_web();
    at.ask("GET", session);
    at.ask("POST", session,
           "451-/web,[\"file\",{\"_placeholder\":true,\"num\":0}]\x1e"
           "bAQID\x1e"
           "42/web,[\"b\"]");
    REQUIRE(run_until(at.io, [&] { return at.events.size() == 1; }));
    CHECK(at.events == std::vector<std::string>{"b[]"});
}

TEST_CASE("sessions above the cap are refused") {
    SocketIoLimits limits;
    limits.engine.max_sessions = 1;
    Fixture at(limits);
    at.open();
    CHECK(at.ask("GET", handshake).status == 503);
    CHECK_THROWS(Wire(at, websocket));
}

TEST_CASE("stopping tells polling and WebSocket clients, and everyone's namespace") {
    Fixture at;
    const auto session = at.open_web();
    at.ask("GET", session);
    Wire wire(at, websocket);
    wire.hear();
    wire.say(R"(40/web,{"key":"good"})");
    wire.hear();
    wire.hear();
    // Asked of the mount itself, so that the poll surely waits when the stop begins.
    std::string polled;
    auto poll = [&]() -> Task<void> {
        HttpRequest request;
        request.method = "GET";
        request.target = session;
        auto task = at.sockets.handle(std::move(request));
        polled = (co_await std::move(task)).body;
    };
    asio::co_spawn(at.io, poll(), asio::detached);
    bool stopped = false;
    auto stop = [&]() -> Task<void> {
        co_await at.server.stop(Millis(5'000));
        stopped = true;
    };
    asio::co_spawn(at.io, stop(), asio::detached);
    CHECK(wire.hear() == "1");
    CHECK(wire.hear() == "closed");
    REQUIRE(run_until(at.io, [&] { return stopped && !polled.empty(); }));
    CHECK(polled == "1");
    CHECK(at.left == 2);
    CHECK(at.server.connections() == 0);
}

TEST_CASE("a server that goes away calls nobody back") {
    asio::io_context io{1};
    int left = 0;
    {
        auto at = std::make_unique<Fixture>();
        at->open_web();
        left = at->left;
        at->joined.clear();
    }
    CHECK(left == 0);
}

}  // namespace relevo
