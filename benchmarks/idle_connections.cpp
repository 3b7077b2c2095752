// What an idle connection costs the server: resident memory with 10,000 of them, fresh ones and such that
// have served a request with a large body before. The clients are a process of their own.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "http/server.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr int connections = 10'000;

double resident_mib() {
    std::ifstream in("/proc/self/statm");
    long pages = 0;
    in >> pages >> pages;
    return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

/// Opens the connections, uses each once where a request is given, holds them until it is killed.
[[noreturn]] void crowd(std::uint16_t port, const std::string& request) {
    asio::io_context io;
    std::vector<tcp::socket> sockets;
    std::string answer;
    for (int i = 0; i < connections; ++i) {
        sockets.emplace_back(io).connect({asio::ip::address_v4::loopback(), port});
        if (request.empty()) continue;
        asio::write(sockets.back(), asio::buffer(request));
        asio::read_until(sockets.back(), asio::dynamic_buffer(answer), "done");
        answer.clear();
    }
    while (true) ::pause();
}

void measure(const char* what, const std::string& request) {
    asio::io_context io{1};
    int handled = 0;
    relevo::HttpServer server(io, {}, [&](relevo::HttpRequest) -> relevo::Task<relevo::HttpResponse> {
        ++handled;
        co_return relevo::HttpResponse{.body = "done", .headers = {}};
    });
    server.listen("127.0.0.1", 0);
    const auto before = resident_mib();
    const pid_t clients = ::fork();
    if (clients == 0) crowd(server.port(), request);
    const auto started = Clock::now();
    const auto done = [&] {
        return server.connections() == connections && (request.empty() || handled == connections);
    };
    while (!done() && Clock::now() - started < std::chrono::seconds(60))
        io.run_one_for(std::chrono::milliseconds(10));
    const auto seconds = std::chrono::duration<double>(Clock::now() - started).count();
    io.run_for(std::chrono::milliseconds(200));
    const auto after = resident_mib();
    std::printf("%-34s %6zu connections in %4.1f s, RSS %6.1f MiB -> %6.1f MiB, %5.2f KiB each\n", what,
                server.connections(), seconds, before, after, (after - before) * 1024 / connections);
    ::kill(clients, SIGKILL);
    ::waitpid(clients, nullptr, 0);
    while (server.connections() > 0) io.run_one_for(std::chrono::milliseconds(10));
}

}  // namespace

int main() {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    measure("fresh, never said anything", "");
    measure("idle after a GET", "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    measure("idle after a POST of 128 KiB",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 131072\r\n\r\n" + std::string(128 << 10, 'x'));
}
