#include "http/client.hpp"

#include <doctest/doctest.h>

#include "tests/http/loopback.hpp"

namespace relevo {
namespace {

using namespace loopback;
using Reply = boost::system::result<HttpResponse, HttpFault>;

HttpCall call_to(std::string url) {
    HttpCall call;
    call.url = std::move(url);
    call.body = "{}";
    call.chosen_by = ChosenBy::installation;  // to this machine: see address_guard_test.cpp for the others
    return call;
}

/// Answers every request on a connection with `response`, as it is.
ScriptedServer::Script answers(std::string response) {
    return [response](tcp::socket socket, int) -> Task<void> {
        while (true) {
            const auto head = co_await read_to(socket, "\r\n\r\n{}");
            if (head.empty()) co_return;
            co_await asio::async_write(socket, asio::buffer(response), quiet);
        }
    };
}

/// Answers once and closes.
ScriptedServer::Script answers_once(std::string response) {
    return [response](tcp::socket socket, int) -> Task<void> {
        co_await read_to(socket, "\r\n\r\n{}");
        co_await asio::async_write(socket, asio::buffer(response), quiet);
    };
}

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

}  // namespace

TEST_CASE("a request says where it goes and what it carries") {
    asio::io_context io{1};
    std::string seen;
    ScriptedServer server(io, [&](tcp::socket socket, int) -> Task<void> {
        seen = co_await read_to(socket, "\r\n\r\n{}");
        co_await asio::async_write(socket, asio::buffer(ok), quiet);
    });
    PooledHttpClient client(io);
    auto call = call_to(server.url("/v1/messages?a=b%20c#fragment"));
    call.headers = {{"Authorization", "Bearer t"}};
    const auto reply = run(io, client.send(std::move(call)));
    REQUIRE(reply.has_value());
    CHECK(reply->status == 200);
    CHECK(reply->body == "ok");
    CHECK(reply->content_type == "text/plain");
    CHECK(seen.starts_with("POST /v1/messages?a=b%20c HTTP/1.1\r\n"));
    CHECK(seen.find("Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n") != std::string::npos);
    CHECK(seen.find("Authorization: Bearer t\r\n") != std::string::npos);
    CHECK(seen.find("Content-Length: 2\r\n") != std::string::npos);
}

TEST_CASE("calls one after the other share a connection") {
    asio::io_context io{1};
    ScriptedServer server(io, answers(ok));
    PooledHttpClient client(io);
    for (int i = 0; i < 5; ++i) REQUIRE(run(io, client.send(call_to(server.url("/")))).has_value());
    CHECK(server.connections() == 1);
    CHECK(client.connections() == 1);
}

TEST_CASE("a call that wants no shared connection leaves none") {
    asio::io_context io{1};
    ScriptedServer server(io, answers(ok));
    PooledHttpClient client(io);
    auto call = call_to(server.url("/"));
    call.reuse_connection = false;
    REQUIRE(run(io, client.send(std::move(call))).has_value());
    CHECK(client.connections() == 0);
}

TEST_CASE("an idle connection that the other side closed is not used again") {
    asio::io_context io{1};
    bool closed = false;
    ScriptedServer server(io, [&](tcp::socket socket, int) -> Task<void> {
        co_await read_to(socket, "\r\n\r\n{}");
        co_await asio::async_write(socket, asio::buffer(ok), quiet);
        socket.close();
        closed = true;
    });
    PooledHttpClient client(io);
    REQUIRE(run(io, client.send(call_to(server.url("/")))).has_value());
    REQUIRE(run_until(io, [&] { return closed; }));
    REQUIRE(run(io, client.send(call_to(server.url("/")))).has_value());
    CHECK(server.connections() == 2);
}

TEST_CASE("a refused connection never reached the other side") {
    asio::io_context io{1};
    std::uint16_t port = 0;
    {
        tcp::acceptor free(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        port = free.local_endpoint().port();
    }
    PooledHttpClient client(io);
    const auto reply = run(io, client.send(call_to("http://127.0.0.1:" + std::to_string(port) + "/")));
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().reached == Reached::no);
    CHECK(reply.error().text.starts_with("127.0.0.1:" + std::to_string(port) + ": connecting: "));
}

TEST_CASE("a name that does not resolve never reached the other side") {
    asio::io_context io{1};
    PooledHttpClient client(io);
    auto call = call_to("http://nobody.invalid/");
    call.deadline = Millis(2'000);
    const auto reply = run(io, client.send(std::move(call)));
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().reached == Reached::no);
    CHECK(reply.error().text.starts_with("nobody.invalid:80: resolving: "));
}

TEST_CASE("a deadline that passes while waiting for the response may have reached the other side") {
    asio::io_context io{1};
    ScriptedServer server(io, [](tcp::socket socket, int) -> Task<void> { co_await read_all(socket); });
    PooledHttpClient client(io);
    auto call = call_to(server.url("/"));
    call.deadline = Millis(50);
    const auto reply = run(io, client.send(std::move(call)));
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().reached == Reached::maybe);
    CHECK(reply.error().text.find("the deadline passed") != std::string::npos);
    CHECK(client.connections() == 0);
}

TEST_CASE(
    "a connection that ends before the response may have reached the other side, and nothing is repeated") {
    asio::io_context io{1};
    ScriptedServer server(io, [](tcp::socket socket, int nth) -> Task<void> {
        co_await read_to(socket, "\r\n\r\n{}");
        if (nth > 1) co_return;
        co_await asio::async_write(socket, asio::buffer(ok), quiet);
        co_await read_to(socket, "\r\n\r\n{}");  // takes the second request, answers nothing
    });
    PooledHttpClient client(io);
    REQUIRE(run(io, client.send(call_to(server.url("/")))).has_value());
    const auto reply = run(io, client.send(call_to(server.url("/"))));
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().reached == Reached::maybe);
    CHECK(server.connections() == 1);
}

TEST_CASE("a streamed response reaches the sink part by part, as it arrives") {
    asio::io_context io{1};
    std::vector<std::string> parts;
    asio::steady_timer seen(io, std::chrono::steady_clock::time_point::max());
    ScriptedServer server(io, [&](tcp::socket socket, int) -> Task<void> {
        co_await read_to(socket, "\r\n\r\n{}");
        const std::string first =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n";
        co_await asio::async_write(socket, asio::buffer(first), quiet);
        co_await seen.async_wait(quiet);  // the rest is written only once the sink has the first part
        const std::string rest = "9\r\ndata: b\n\n\r\n0\r\n\r\n";
        co_await asio::async_write(socket, asio::buffer(rest), quiet);
        co_await read_all(socket);
    });
    PooledHttpClient client(io);
    const auto reply = run(io, client.send(call_to(server.url("/")), [&](std::string_view part) {
        parts.emplace_back(part);
        seen.cancel();
    }));
    REQUIRE(reply.has_value());
    CHECK(reply->body.empty());
    CHECK(reply->content_type == "text/event-stream");
    CHECK(parts == std::vector<std::string>{"data: a\n\n", "data: b\n\n"});
    CHECK(client.connections() == 1);
}

TEST_CASE("a refusal fills the body, sink or not, and a redirect is not followed") {
    asio::io_context io{1};
    ScriptedServer server(io,
                          answers("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 4\r\n\r\ngone"));
    PooledHttpClient client(io);
    bool called = false;
    const auto reply =
        run(io, client.send(call_to(server.url("/")), [&](std::string_view) { called = true; }));
    REQUIRE(reply.has_value());
    CHECK(reply->status == 302);
    CHECK(reply->body == "gone");
    CHECK_FALSE(called);
}

TEST_CASE("a response larger than allowed is a fault, announced or not") {
    asio::io_context io{1};
    ScriptedServer server(io, answers_once("HTTP/1.1 200 OK\r\n\r\n" + std::string(5000, 'x')));
    PooledHttpClient client(io);
    auto call = call_to(server.url("/"));
    call.max_response_bytes = 4999;
    const auto reply = run(io, client.send(std::move(call)));
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().reached == Reached::maybe);
    CHECK(reply.error().text.find("more than 4999 bytes") != std::string::npos);

    auto enough = call_to(server.url("/"));
    enough.max_response_bytes = 5000;
    CHECK(run(io, client.send(std::move(enough)))->body.size() == 5000);
}

TEST_CASE("a chunk's announcement or trailers without an end are a fault long before the deadline") {
    for (const std::string endless : {"1;", "0\r\nX-Trailer: "}) {
        CAPTURE(endless);
        asio::io_context io{1};
        ScriptedServer server(io, [endless](tcp::socket socket, int) -> Task<void> {
            co_await read_to(socket, "\r\n\r\n{}");
            std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + endless;
            while (true) {
                const auto [error, size] = co_await asio::async_write(socket, asio::buffer(text), quiet);
                if (error) co_return;
                text.assign(1 << 16, 'x');
            }
        });
        PooledHttpClient client(io);
        const auto started = std::chrono::steady_clock::now();
        const auto reply = run(io, client.send(call_to(server.url("/"))));
        REQUIRE_FALSE(reply.has_value());
        CHECK(reply.error().reached == Reached::maybe);
        CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(5));
    }
}

TEST_CASE("a response that ends halfway is a fault") {
    asio::io_context io{1};
    ScriptedServer server(io, answers_once("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"));
    PooledHttpClient client(io);
    const auto reply = run(io, client.send(call_to(server.url("/"))));
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().reached == Reached::maybe);
}

TEST_CASE("informational responses are skipped") {
    asio::io_context io{1};
    ScriptedServer server(io, answers("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok));
    PooledHttpClient client(io);
    CHECK(run(io, client.send(call_to(server.url("/"))))->body == "ok");
}

TEST_CASE("calls above the cap wait for a connection, within their deadline") {
    asio::io_context io{1};
    asio::steady_timer gate(io, std::chrono::steady_clock::time_point::max());
    ScriptedServer server(io, [&](tcp::socket socket, int) -> Task<void> {
        for (int i = 0; i < 2; ++i) {
            co_await read_to(socket, "\r\n\r\n{}");
            if (i == 0) co_await gate.async_wait(quiet);
            co_await asio::async_write(socket, asio::buffer(ok), quiet);
        }
    });
    PooledHttpClient client(io, {.max_connections_per_host = 1, .ca_file = {}, .trusted_addresses = {}});
    std::vector<Reply> replies;
    auto ask = [&]() -> Task<void> {
        auto task = client.send(call_to(server.url("/")));
        auto reply = co_await std::move(task);
        replies.push_back(std::move(reply));
    };
    asio::co_spawn(io, ask(), asio::detached);
    asio::co_spawn(io, ask(), asio::detached);
    auto hasty = call_to(server.url("/"));
    hasty.deadline = Millis(30);
    const auto late = run(io, client.send(std::move(hasty)));
    REQUIRE_FALSE(late.has_value());
    CHECK(late.error().reached == Reached::no);
    gate.cancel();
    REQUIRE(run_until(io, [&] { return replies.size() == 2; }));
    CHECK(replies[0]->status == 200);
    CHECK(replies[1]->status == 200);
    CHECK(server.connections() == 1);
}

TEST_CASE("what would not be one well-formed request is not sent") {
    asio::io_context io{1};
    PooledHttpClient client(io);
    for (const auto* url :
         {"", "ftp://x/", "http://", "http://user:secret@x/", "http://x:0/", "http://x/\r\ny"}) {
        CAPTURE(url);
        const auto reply = run(io, client.send(call_to(url)));
        REQUIRE_FALSE(reply.has_value());
        CHECK(reply.error().reached == Reached::no);
        CHECK(reply.error().text.find("secret") == std::string::npos);
    }
    auto call = call_to("http://127.0.0.1:1/");
    call.headers = {{"X-Key", "a\r\nX-Other: b"}};
    const auto reply = run(io, client.send(std::move(call)));
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().text == "127.0.0.1:1: a header or the method is malformed");
}

TEST_CASE("a caller that is cancelled gets its slot back, and the client may go before its calls") {
    asio::io_context io{1};
    ScriptedServer server(io, [](tcp::socket socket, int) -> Task<void> { co_await read_all(socket); });
    auto client = std::make_unique<PooledHttpClient>(io);
    asio::cancellation_signal cancel;
    bool ended = false;
    asio::co_spawn(
        io, client->send(call_to(server.url("/"))),
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr, Reply) { ended = true; }));
    REQUIRE(run_until(io, [&] { return server.connections() == 1; }));
    CHECK(client->connections() == 1);
    cancel.emit(asio::cancellation_type::terminal);
    REQUIRE(run_until(io, [&] { return ended; }));
    CHECK(client->connections() == 0);

    std::optional<Reply> reply;
    auto call = call_to(server.url("/"));
    call.deadline = Millis(50);
    asio::co_spawn(io, client->send(std::move(call)),
                   [&](std::exception_ptr, Reply got) { reply = std::move(got); });
    client.reset();
    REQUIRE(run_until(io, [&] { return reply.has_value(); }));
    CHECK(reply->error().reached == Reached::maybe);
}

}  // namespace relevo
