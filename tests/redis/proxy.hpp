#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <vector>

namespace relevo {

/// Stands between a client and Redis, so that a test can take Redis away without touching the server.
class RedisProxy {
    using tcp = boost::asio::ip::tcp;
    using error_code = boost::system::error_code;

  public:
    RedisProxy(boost::asio::io_context& io, tcp::endpoint redis) : io_(io), redis_(redis), acceptor_(io) {
        tcp::acceptor first(io, {boost::asio::ip::address_v4::loopback(), 0});
        port_ = first.local_endpoint().port();
    }
    ~RedisProxy() { stop(); }

    std::uint16_t port() const { return port_; }
    /// The server is there.
    void start() {
        acceptor_.open(tcp::v4());
        acceptor_.set_option(tcp::acceptor::reuse_address(true));
        acceptor_.bind({boost::asio::ip::address_v4::loopback(), port_});
        acceptor_.listen();
        accept();
    }
    /// The server is gone: connections break, new ones are refused.
    void stop() {
        error_code ignored;
        acceptor_.close(ignored);
        drop();
    }
    /// Connections break.
    void drop() {
        for (auto& pair : pairs_) pair->close();
        pairs_.clear();
    }
    /// The connections of now stay, but nothing comes through them any more.
    void mute() {
        for (auto& pair : pairs_) pair->muted = true;
    }
    /// Connections that were made since the start.
    int accepted() const { return accepted_; }

  private:
    struct Pair : std::enable_shared_from_this<Pair> {
        explicit Pair(boost::asio::io_context& io) : client(io), server(io) {}
        void close() {
            error_code ignored;
            client.close(ignored);
            server.close(ignored);
        }
        void pump(tcp::socket& from, tcp::socket& to, std::array<char, 4096>& buffer) {
            from.async_read_some(boost::asio::buffer(buffer), [self = shared_from_this(), &from, &to,
                                                               &buffer](error_code error, std::size_t size) {
                if (error) return self->close();
                if (self->muted) return self->pump(from, to, buffer);
                boost::asio::async_write(to, boost::asio::buffer(buffer, size),
                                         [self, &from, &to, &buffer](error_code failed, std::size_t) {
                                             if (failed) return self->close();
                                             self->pump(from, to, buffer);
                                         });
            });
        }
        tcp::socket client;
        tcp::socket server;
        bool muted = false;
        std::array<char, 4096> up{};
        std::array<char, 4096> down{};
    };

    void accept() {
        auto pair = std::make_shared<Pair>(io_);
        acceptor_.async_accept(pair->client, [this, pair](error_code error) {
            if (error) return;
            pair->server.connect(redis_, error);
            if (error) return;
            ++accepted_;
            pairs_.push_back(pair);
            pair->pump(pair->client, pair->server, pair->up);
            pair->pump(pair->server, pair->client, pair->down);
            accept();
        });
    }

    boost::asio::io_context& io_;
    tcp::endpoint redis_;
    tcp::acceptor acceptor_;
    std::uint16_t port_ = 0;
    std::vector<std::shared_ptr<Pair>> pairs_;
    int accepted_ = 0;
};

}  // namespace relevo
