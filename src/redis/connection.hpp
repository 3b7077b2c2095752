#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/backoff.hpp"
#include "core/error.hpp"
#include "core/random.hpp"
#include "redis/address.hpp"

namespace relevo {

struct RedisTimes {
    Millis connect_deadline{2'000};  ///< name, TCP, AUTH and SELECT together
    Millis command_deadline{2'000};  ///< a command that is not answered by then ends the connection
    Millis ping_every{5'000};        ///< finds a peer that vanished without a word
    RetrySchedule reconnect{.first = Millis{100}, .factor = 2.0, .max = Millis{5'000}, .park_after = {}};
};

/// One connection to Redis that comes back by itself, on hiredis. Belongs to its io_context: every method and
/// every callback runs there, and the connection is created and destroyed there (or while nothing runs it).
class RedisConnection {
  public:
    /// What may be done within a callback: anything but destroying the connection.
    struct Events {
        std::function<void()> up;    ///< ready for commands; subscriptions are gone
        std::function<void()> down;  ///< after each `up`
        std::function<void(std::string_view channel)> subscribed;
        std::function<void(std::string_view channel, std::string_view payload)> message;
    };
    /// Whether the command was answered, and not with an error.
    using Done = std::function<void(bool ok)>;

    /// `name` tells connections apart in our log and in Redis's CLIENT LIST; without blanks.
    RedisConnection(boost::asio::io_context& io, std::string name, RedisAddress address, RedisTimes times,
                    Random& random, Events events);
    ~RedisConnection();
    RedisConnection(const RedisConnection&) = delete;
    RedisConnection& operator=(const RedisConnection&) = delete;

    /// Connects, and again whenever the connection is lost.
    void start();
    bool up() const;
    /// `done` is called once: at the latest when the deadline passes or the connection is lost; at once while
    /// there is none.
    void command(const std::vector<std::string_view>& words, Done done);
    /// As `command`, for one that is answered with a whole number; nothing where it was not.
    using Counted = std::function<void(std::optional<std::int64_t> number)>;
    void count(const std::vector<std::string_view>& words, Counted done);
    /// Nothing while the connection is down: subscribe again when it is up.
    void subscribe(std::string_view channel);
    void unsubscribe(std::string_view channel);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace relevo
