#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <string_view>

#include "tests/fuzz/target.hpp"

namespace relevo::fuzz {

/// A connection within the process: one end for the code, the other for the target. Thousands a second, and
/// no ports.
class SocketPair {
  public:
    SocketPair() {
        require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_) == 0, "a pair of sockets");
    }
    SocketPair(const SocketPair&) = delete;
    SocketPair& operator=(const SocketPair&) = delete;
    ~SocketPair() {
        ::close(ends_[0]);
        if (!given_) ::close(ends_[1]);
    }

    /// The code's end. To whoever reads and writes, it is a TCP connection.
    boost::asio::ip::tcp::socket give(boost::asio::io_context& io) {
        given_ = true;
        return {io, boost::asio::ip::tcp::v4(), ends_[1]};
    }

    /// Says `bytes` in parts of `cut` bytes, each one read before the next, and ends; hears what is answered
    /// until `done` or until nothing happens any more.
    template <class Done>
    std::string converse(boost::asio::io_context& io, std::string_view bytes, std::size_t cut, Done done) {
        std::string heard;
        bool ended = false;
        while (true) {
            const auto part = bytes.substr(0, cut);
            const auto written = part.empty() ? 0 : ::send(ends_[0], part.data(), part.size(), MSG_NOSIGNAL);
            if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
            if (written < 0 && errno != EAGAIN) bytes = {};  // nobody reads any more
            if (bytes.empty() && !ended) ended = ::shutdown(ends_[0], SHUT_WR) == 0 || true;
            const auto handlers = poll_all(io);
            const auto before = heard.size();
            char answer[16 << 10];
            for (ssize_t size; (size = ::recv(ends_[0], answer, sizeof answer, 0)) > 0;) {
                heard.append(answer, static_cast<std::size_t>(size));
            }
            if (done()) return heard;
            require(handlers > 0 || written > 0 || heard.size() > before || io.stopped(),
                    "it does not wait for ever");
        }
    }

  private:
    static std::size_t poll_all(boost::asio::io_context& io) {
        std::size_t all = 0;
        io.restart();
        for (std::size_t handlers; (handlers = io.poll()) > 0;) all += handlers;
        return all;
    }

    int ends_[2] = {-1, -1};
    bool given_ = false;
};

}  // namespace relevo::fuzz
