#include "http/server.hpp"

#include <doctest/doctest.h>

#include "http/client.hpp"
#include "tests/http/loopback.hpp"

namespace relevo {
namespace {

using namespace loopback;

/// A handler whose answer can be held back.
struct Gate {
    explicit Gate(asio::io_context& io) : opened(io, std::chrono::steady_clock::time_point::max()) {}
    Task<void> wait() {
        ++waiting;
        co_await opened.async_wait(quiet);
    }
    void open() { opened.cancel(); }
    asio::steady_timer opened;
    int waiting = 0;
};

struct Fixture {
    explicit Fixture(ServerLimits limits = {}, HeadCheck check = {})
        : gate(io),
          server(
              io, limits, [this](HttpRequest request) { return answer(std::move(request)); }, check) {
        server.listen("127.0.0.1", 0);
    }

    Task<HttpResponse> answer(HttpRequest request) {
        ++handled;
        if (request.path == "/throw") throw std::runtime_error("a secret reason");
        if (request.path == "/gate") co_await gate.wait();
        if (request.path == "/split") {
            co_return HttpResponse{.body = "x",
                                   .headers = {{"X-Bad", "a\r\nSet-Cookie: b"}, {"X-Good", "c"}}};
        }
        co_return HttpResponse{.body = request.method + " " + request.target + " " + request.body,
                               .headers = {}};
    }

    boost::system::result<HttpResponse, HttpFault> ask(std::string path, std::string body = "") {
        HttpCall call;
        call.method = body.empty() ? "GET" : "POST";
        call.url = "http://127.0.0.1:" + std::to_string(server.port()) + path;
        call.body = std::move(body);
        call.chosen_by = ChosenBy::installation;
        return run(io, client.send(std::move(call)));
    }
    std::string say(std::string request) { return run(io, converse(io, server.port(), std::move(request))); }

    asio::io_context io{1};
    Gate gate;
    int handled = 0;
    HttpServer server;
    PooledHttpClient client{io};
};

std::string closing(std::string line_and_headers, std::string body = "") {
    return line_and_headers + "\r\nHost: x\r\nConnection: close\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("requests come one after the other on one connection") {
    Fixture at;
    CHECK(at.ask("/a?b=c")->body == "GET /a?b=c ");
    CHECK(at.ask("/p", "body")->body == "POST /p body");
    CHECK(at.server.connections() == 1);
}

TEST_CASE("HEAD gets the length and no body") {
    Fixture at;
    const auto text = at.say(closing("HEAD /a HTTP/1.1"));
    CHECK(text.find("Content-Length: 8\r\n") != std::string::npos);
    CHECK(text.ends_with("\r\n\r\n"));
}

TEST_CASE("a chunked body is put together") {
    Fixture at;
    const auto text =
        at.say(closing("POST /c HTTP/1.1\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
    CHECK(text.ends_with("POST /c abcde"));
}

TEST_CASE("a body at the limit is taken, one byte more is 413, and the client sees it") {
    ServerLimits limits;
    limits.max_body_bytes = 1'000'000;
    Fixture at(limits);
    CHECK(at.ask("/b", std::string(1'000'000, 'x'))->status == 200);
    const auto refused = at.ask("/b", std::string(1'000'001, 'x'));
    REQUIRE(refused.has_value());
    CHECK(refused->status == 413);
    CHECK(refused->body.find("http.body_too_large") != std::string::npos);
    CHECK(at.ask("/b", std::string(8'000'000, 'x'))->status == 413);
    CHECK(at.handled == 1);
}

TEST_CASE("a chunked body that grows beyond the limit is 413") {
    ServerLimits limits;
    limits.max_body_bytes = 10;
    Fixture at(limits);
    const auto text = at.say(
        closing("POST /c HTTP/1.1\r\nTransfer-Encoding: chunked", "14\r\n01234567890123456789\r\n0\r\n\r\n"));
    CHECK(text.starts_with("HTTP/1.1 413"));
    CHECK(at.handled == 0);
}

TEST_CASE("a client that asks before sending its body is told to go on, or refused without it") {
    Fixture at;
    auto dialogue = [](asio::io_context& io, std::uint16_t port) -> Task<std::string> {
        auto socket = co_await connect(io, port);
        const std::string head =
            "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
            "Connection: close\r\n\r\n";
        co_await asio::async_write(socket, asio::buffer(head), quiet);
        const auto go_on = co_await read_to(socket, "\r\n\r\n");
        if (!go_on.starts_with("HTTP/1.1 100")) co_return go_on;
        co_await asio::async_write(socket, asio::buffer("ok", 2), quiet);
        co_return co_await read_all(socket);
    };
    CHECK(run(at.io, dialogue(at.io, at.server.port())).ends_with("POST /e ok"));

    auto refused = [](asio::io_context& io, std::uint16_t port) -> Task<std::string> {
        auto socket = co_await connect(io, port);
        const std::string head =
            "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n"
            "Expect: 100-continue\r\n\r\n";
        co_await asio::async_write(socket, asio::buffer(head), quiet);
        co_return co_await read_to(socket, "\r\n\r\n");
    };
    CHECK(run(at.io, refused(at.io, at.server.port())).starts_with("HTTP/1.1 413"));
}

TEST_CASE("the head's check answers before the body's size is judged") {
    Fixture at({.max_body_bytes = 1000}, [](HttpRequest head) -> Task<std::optional<HttpResponse>> {
        CHECK(head.body.empty());
        if (head.path == "/known") co_return std::nullopt;
        co_return error_response(404, "webhook.unknown_key", "no such key");
    });
    CHECK(at.ask("/unknown", std::string(5'000'000, 'x'))->status == 404);
    CHECK(at.ask("/known", std::string(5'000'000, 'x'))->status == 413);
    CHECK(at.ask("/known", "body")->status == 200);
    CHECK(at.handled == 1);
}

TEST_CASE("a head or body that does not arrive in time closes the connection") {
    ServerLimits limits;
    limits.head_deadline = Millis(30);
    limits.body_deadline = Millis(30);
    Fixture at(limits);
    CHECK(at.say("POST /slow HTTP/1.1\r\nHost:").empty());
    CHECK(at.say("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").empty());
    CHECK(at.handled == 0);
}

TEST_CASE("an idle connection is closed without a word") {
    ServerLimits limits;
    limits.idle = Millis(30);
    Fixture at(limits);
    CHECK(at.say("").empty());
}

TEST_CASE("a head that is too large is 431, one that is none 400") {
    Fixture at;
    CHECK(
        at.say(closing("GET / HTTP/1.1\r\nX-Big: " + std::string(20'000, 'x'))).starts_with("HTTP/1.1 431"));
    CHECK(at.say("what is this\r\n\r\n").starts_with("HTTP/1.1 400"));
    CHECK(at.say(closing("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked", "abc"))
              .starts_with("HTTP/1.1 400"));
    CHECK(at.handled == 0);
}

TEST_CASE("a handler that throws is 500 without its reason, and the connection goes on") {
    Fixture at;
    const auto failed = at.ask("/throw");
    REQUIRE(failed.has_value());
    CHECK(failed->status == 500);
    CHECK(failed->body.find("secret") == std::string::npos);
    CHECK(at.ask("/a")->status == 200);
    CHECK(at.server.connections() == 1);
}

TEST_CASE("a response header with a line break is left out") {
    Fixture at;
    const auto text = at.say(closing("GET /split HTTP/1.1"));
    CHECK(text.find("Set-Cookie") == std::string::npos);
    CHECK(text.find("X-Good: c\r\n") != std::string::npos);
}

TEST_CASE("bodies above what all requests together may hold are 503 until some are done") {
    ServerLimits limits;
    limits.max_bodies_bytes = 100'000;
    Fixture at(limits);
    const std::string held =
        "POST /gate HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n" +
        std::string(60'000, 'x');
    std::string first;
    auto hold = [&]() -> Task<void> { first = co_await converse(at.io, at.server.port(), held); };
    asio::co_spawn(at.io, hold(), asio::detached);
    REQUIRE(run_until(at.io, [&] { return at.gate.waiting == 1; }));
    CHECK(at.ask("/b", std::string(60'000, 'x'))->status == 503);
    at.gate.open();
    REQUIRE(run_until(at.io, [&] { return !first.empty(); }));
    CHECK(at.ask("/b", std::string(60'000, 'x'))->status == 200);
}

TEST_CASE("connections above the cap are answered 503 while none of the others is idle") {
    ServerLimits limits;
    limits.max_connections = 1;
    Fixture at(limits);
    std::string first;
    auto hold = [&]() -> Task<void> {
        first = co_await converse(at.io, at.server.port(), closing("GET /gate HTTP/1.1"));
    };
    asio::co_spawn(at.io, hold(), asio::detached);
    REQUIRE(run_until(at.io, [&] { return at.gate.waiting == 1; }));
    CHECK(at.say("").starts_with("HTTP/1.1 503"));
    at.gate.open();
    REQUIRE(run_until(at.io, [&] { return !first.empty(); }));
    CHECK(at.ask("/a")->status == 200);
}

TEST_CASE("stopping closes idle connections, and lets a running exchange end") {
    Fixture at;
    at.ask("/a");
    std::string text;
    auto hold = [&]() -> Task<void> {
        text = co_await converse(at.io, at.server.port(), closing("GET /gate HTTP/1.1"));
    };
    asio::co_spawn(at.io, hold(), asio::detached);
    REQUIRE(run_until(at.io, [&] { return at.gate.waiting == 1; }));
    CHECK(at.server.connections() == 2);

    bool stopped = false;
    auto stop = [&]() -> Task<void> {
        co_await at.server.stop(Millis(10'000));
        stopped = true;
    };
    asio::co_spawn(at.io, stop(), asio::detached);
    REQUIRE(run_until(at.io, [&] { return at.server.connections() == 1; }));
    CHECK_FALSE(stopped);
    at.gate.open();
    REQUIRE(run_until(at.io, [&] { return stopped && !text.empty(); }));
    CHECK(text.starts_with("HTTP/1.1 200"));
    CHECK(at.server.connections() == 0);
}

TEST_CASE("stopping cancels what runs longer than its deadline, and refuses new connections") {
    Fixture at;
    const auto port = at.server.port();
    std::optional<std::string> text;
    auto hold = [&]() -> Task<void> { text = co_await converse(at.io, port, closing("GET /gate HTTP/1.1")); };
    asio::co_spawn(at.io, hold(), asio::detached);
    REQUIRE(run_until(at.io, [&] { return at.gate.waiting == 1; }));
    run(at.io, at.server.stop(Millis(20)));
    CHECK(at.server.connections() == 0);
    REQUIRE(run_until(at.io, [&] { return text.has_value(); }));
    CHECK(text->empty());
    CHECK_THROWS(run(at.io, connect(at.io, port)));
}

TEST_CASE("an address in use is a Failure that names it, and another one can be tried") {
    Fixture at;
    HttpServer second(at.io, {}, [](HttpRequest) -> Task<HttpResponse> { co_return HttpResponse{}; });
    CHECK_THROWS_WITH_AS(second.listen("127.0.0.1", at.server.port()), doctest::Contains("127.0.0.1"),
                         Failure);
    second.listen("127.0.0.1", 0);
    CHECK(second.port() != at.server.port());
}

}  // namespace relevo
