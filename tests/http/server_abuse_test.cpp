// What a server must bear from those who mean no good: each within a deadline, each without harm to the
// others.

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http/server.hpp"
#include "tests/http/loopback.hpp"

namespace relevo {
namespace {

using namespace loopback;
using Steady = std::chrono::steady_clock;

struct Fixture {
    explicit Fixture(ServerLimits limits = {})
        : server(io, limits, [this](HttpRequest request) -> Task<HttpResponse> {
              handled.push_back(request.method + " " + request.target + " " + request.body);
              if (request.target == "/large")
                  co_return HttpResponse{.body = std::string(1 << 20, 'x'), .headers = {}};
              co_return HttpResponse{.body = "done " + request.target, .headers = {}};
          }) {
        server.listen("127.0.0.1", 0);
    }

    /// What is answered until the server closes the connection, which it must.
    std::string say(std::string text) { return run(io, converse(io, server.port(), std::move(text))); }
    /// Whether somebody else is served meanwhile.
    bool serves() {
        return say("GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ends_with("done /other");
    }

    asio::io_context io{1};
    std::vector<std::string> handled;
    HttpServer server;
};

const std::string post = "POST /a HTTP/1.1\r\nHost: x\r\n";
const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/// Sends one byte after the other, with a pause, until the server has enough.
Task<std::string> drip(asio::io_context& io, std::uint16_t port, std::string at_once, Millis pause) {
    auto socket = co_await connect(io, port);
    co_await asio::async_write(socket, asio::buffer(at_once), quiet);
    asio::steady_timer timer(io);
    while (true) {
        timer.expires_after(pause);
        co_await timer.async_wait(quiet);
        const auto [error, size] = co_await asio::async_write(socket, asio::buffer("a", 1), quiet);
        if (error) break;
    }
    co_return co_await read_all(socket);
}

}  // namespace

TEST_CASE(
    "a request that could be smuggled is 400, the connection closes, and what came with it is not served") {
    const std::vector<std::pair<const char*, std::string>> attacks = {
        {"CL.TE", post + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG" + smuggled},
        {"TE.CL",
         post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" + smuggled + "\r\n0\r\n\r\n"},
        {"TE.TE", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + smuggled},
        {"an unknown encoding", post + "Transfer-Encoding: identity\r\n\r\n" + smuggled},
        {"an encoding after chunked", post + "Transfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n" + smuggled},
        {"an encoding in disguise", post + "Transfer-Encoding: xchunked\r\n\r\n" + smuggled},
        {"a blank before the colon", post + "Transfer-Encoding : chunked\r\n\r\n" + smuggled},
        {"two lengths", post + "Content-Length: 0\r\nContent-Length: 38\r\n\r\n" + smuggled},
        {"the same length twice", post + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + smuggled},
        {"a list of lengths", post + "Content-Length: 0, 0\r\n\r\n" + smuggled},
        {"a signed length", post + "Content-Length: +0\r\n\r\n" + smuggled},
        {"a folded header", post + "X-A: b\r\n Content-Length: 38\r\n\r\n" + smuggled},
        {"a line feed alone", "POST /a HTTP/1.1\nHost: x\n\n" + smuggled},
        {"a line feed alone in a header", post + "X-A: b\nContent-Length: 38\r\n\r\n" + smuggled},
        {"a carriage return alone", post + "X-A: b\rContent-Length: 38\r\n\r\n" + smuggled},
        {"a zero byte", post + std::string("X-A: \0\r\n\r\n", 10) + smuggled},
        {"two hosts", post + "Host: y\r\n\r\n" + smuggled},
        {"an encoding in HTTP/1.0",
         "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled},
        {"two blanks in the request line", "GET  /a HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled},
    };
    for (const auto& [what, bytes] : attacks) {
        CAPTURE(what);
        Fixture at;
        const auto answer = at.say(bytes);
        CHECK(answer.starts_with("HTTP/1.1 400"));
        CHECK(answer.find("Connection: close") != std::string::npos);
        CHECK(answer.find("http.bad_request") != std::string::npos);
        CHECK(answer.find("HTTP/1.1", 1) == std::string::npos);
        CHECK(at.handled.empty());
        CHECK(at.serves());
    }
}

TEST_CASE("a chunk whose size is none is 400, and nothing after it is served") {
    for (const std::string chunks :
         {"-1\r\na\r\n0\r\n\r\n", "+1\r\na\r\n0\r\n\r\n", "0x1\r\na\r\n0\r\n\r\n", "g\r\na\r\n0\r\n\r\n",
          "\r\na\r\n0\r\n\r\n", " 1\r\na\r\n0\r\n\r\n", "1\na\n0\n\n", "1\r\nab\r\n0\r\n\r\n",
          "1\r\na0\r\n\r\n", "1;\na\r\n0\r\n\r\n", "ffffffffffffffff1\r\na\r\n0\r\n\r\n",
          "10000000000000000\r\na\r\n0\r\n\r\n", "1\r\na\r\n0\r\n\nX: y\r\n\r\n",
          "1\r\na\r\n0\r\nno trailer\r\n\r\n", "1\r\na\r\n0\r\nContent-Length: 9\r\n\r\n"}) {
        CAPTURE(chunks);
        Fixture at;
        const auto answer = at.say(post + "Transfer-Encoding: chunked\r\n\r\n" + chunks + smuggled);
        CHECK(answer.starts_with("HTTP/1.1 400"));
        CHECK(answer.find("HTTP/1.1", 1) == std::string::npos);
        CHECK(at.handled.empty());
        CHECK(at.serves());
    }
}

TEST_CASE("a chunk's announcement without an end is refused, and holds little memory meanwhile") {
    Fixture at;
    const auto answer = at.say(post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(4'000'000, 'x') +
                               "\r\na\r\n0\r\n\r\n");
    CHECK(answer.starts_with("HTTP/1.1 400"));
    CHECK(at.handled.empty());
}

TEST_CASE("trailers without an end are refused") {
    Fixture at;
    std::string trailers;
    for (int i = 0; i < 100'000; ++i)
        trailers += "X-" + std::to_string(i) + ": aaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    const auto answer = at.say(post + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + trailers + "\r\n");
    CHECK(answer.starts_with("HTTP/1.1 400"));
    CHECK(at.handled.empty());
}

TEST_CASE("pipelined requests are answered in their order, one at a time") {
    Fixture at;
    std::string requests;
    for (int i = 0; i < 1'000; ++i) {
        requests += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok";
    }
    const auto answers = at.say(requests + "GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    REQUIRE(at.handled.size() == 1'001);
    CHECK(at.handled[999] == "POST /999 ok");
    CHECK(answers.find("done /998") < answers.find("done /999"));
    CHECK(answers.ends_with("done /end"));
}

TEST_CASE("a client that pipelines and never reads is left alone after the write's deadline") {
    ServerLimits limits;
    limits.write_deadline = Millis(100);
    Fixture at(limits);
    bool closed = false;
    auto flood = [&]() -> Task<void> {
        auto socket = co_await connect(at.io, at.server.port());
        std::string requests;
        for (int i = 0; i < 1'000; ++i) requests += "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
        while (true) {
            const auto [error, size] = co_await asio::async_write(socket, asio::buffer(requests), quiet);
            if (error) break;
        }
        closed = true;
    };
    asio::co_spawn(at.io, flood(), asio::detached);
    REQUIRE(run_until(at.io, [&] { return closed; }));
    CHECK(at.serves());
}

TEST_CASE("a head that comes byte by byte is cut off at its deadline, however lively it seems") {
    ServerLimits limits;
    limits.head_deadline = Millis(150);
    Fixture at(limits);
    const auto started = Steady::now();
    CHECK(run(at.io, drip(at.io, at.server.port(), "GET / HTTP/1.1\r\nX-Slow: ", Millis(10))).empty());
    CHECK(Steady::now() - started < std::chrono::seconds(5));
    CHECK(at.handled.empty());
    CHECK(at.serves());
}

TEST_CASE("a body that comes byte by byte is cut off at its deadline, chunked or not") {
    ServerLimits limits;
    limits.body_deadline = Millis(150);
    for (const auto& head :
         {post + "Content-Length: 100000\r\n\r\n", post + "Transfer-Encoding: chunked\r\n\r\n186a0\r\n",
          post + "Transfer-Encoding: chunked\r\n\r\n1;slow="}) {
        CAPTURE(head);
        Fixture at(limits);
        const auto started = Steady::now();
        CHECK(run(at.io, drip(at.io, at.server.port(), head, Millis(10))).empty());
        CHECK(Steady::now() - started < std::chrono::seconds(5));
        CHECK(at.handled.empty());
        CHECK(at.serves());
    }
}

TEST_CASE("others are served while hundreds are slow") {
    Fixture at;
    std::vector<tcp::socket> slow;
    auto begin = [&]() -> Task<void> {
        for (int i = 0; i < 300; ++i) {
            slow.push_back(co_await connect(at.io, at.server.port()));
            const std::string part = i % 2 == 0 ? "GET / HTTP/1.1\r\nX" : post + "Content-Length: 9\r\n\r\na";
            co_await asio::async_write(slow.back(), asio::buffer(part), quiet);
        }
    };
    run(at.io, begin());
    for (int i = 0; i < 20; ++i) REQUIRE(at.serves());
}

TEST_CASE("a head of many small headers is bounded like one of a few large ones") {
    Fixture at;
    std::string headers;
    for (int i = 0; i < 10'000; ++i) headers += "a:\r\n";
    CHECK(at.say("GET / HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n").starts_with("HTTP/1.1 431"));
    CHECK(at.say("GET /" + std::string(100'000, 'a')).starts_with("HTTP/1.1 431"));
    CHECK(at.handled.empty());
}

TEST_CASE("a connection above the cap takes the place of the one that was idle longest") {
    ServerLimits limits;
    limits.max_connections = 3;
    Fixture at(limits);
    std::vector<tcp::socket> idle;
    auto ask = [&](std::size_t which) -> Task<std::string> {
        const std::string request = "GET /" + std::to_string(which) + " HTTP/1.1\r\nHost: x\r\n\r\n";
        co_await asio::async_write(idle[which], asio::buffer(request), quiet);
        co_return co_await read_to(idle[which], "done /" + std::to_string(which));
    };
    for (std::size_t i = 0; i < 3; ++i) {
        idle.push_back(run(at.io, connect(at.io, at.server.port())));
        CHECK(run(at.io, ask(i)).starts_with("HTTP/1.1 200"));
    }
    CHECK(run(at.io, ask(0)).starts_with("HTTP/1.1 200"));  // 1 has waited longest now
    CHECK(at.serves());
    CHECK(run(at.io, read_all(idle[1])).empty());
    CHECK(run(at.io, ask(0)).starts_with("HTTP/1.1 200"));
    CHECK(run(at.io, ask(2)).starts_with("HTTP/1.1 200"));
}

TEST_CASE("ten thousand idle connections neither stop the server nor keep anybody out") {
    constexpr int count = 10'000;
    rlimit files{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < count + 200) {
        MESSAGE("too few open files are allowed here: " << files.rlim_cur);
        return;
    }
    ServerLimits limits;
    limits.max_connections = count;
    limits.idle = std::chrono::minutes(10);
    Fixture at(limits);
    // Another process has the clients' ends: they are as many files again.
    int hold[2];
    REQUIRE(::pipe(hold) == 0);
    const pid_t crowd = ::fork();
    if (crowd == 0) {
        ::close(hold[1]);
        asio::io_context io;
        std::vector<tcp::socket> sockets;
        boost::system::error_code error;
        const tcp::endpoint server(asio::ip::address_v4::loopback(), at.server.port());
        for (int i = 0; i < count && !error; ++i) sockets.emplace_back(io).connect(server, error);
        char end;
        ::_exit(error || ::read(hold[0], &end, 1) != 0 ? 1 : 0);
    }
    ::close(hold[0]);
    bool all = false;
    for (int tries = 0; tries < 6 && !all; ++tries) {  // a busy machine takes its time
        all = run_until(at.io, [&] { return at.server.connections() == count; });
    }
    CHECK(all);
    for (int i = 0; i < 5; ++i) CHECK(at.serves());
    ::close(hold[1]);
    int status = -1;
    ::waitpid(crowd, &status, 0);
    CHECK(status == 0);
    CHECK(run_until(at.io, [&] { return at.server.connections() == 0; }));
}

}  // namespace relevo
