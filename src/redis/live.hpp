#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/random.hpp"
#include "core/task.hpp"
#include "domain/live.hpp"
#include "redis/connection.hpp"

namespace relevo {

struct RedisLiveSettings {
    std::string url;
    std::string installation;  ///< keeps installations on one Redis apart
    RedisTimes times;
    /// Published and not yet taken by Redis. Above it events are dropped: they are nudges, and Redis is away.
    std::size_t max_queued = 10'000;
    /// While Redis is away, how often each subscriber is told to read its rows.
    Millis look_every{5'000};
};

/// Live over Redis's publish and subscribe, one object an io_context, two connections. Redis may be away at
/// any time, also at the start: what is published then waits in a bounded queue, and subscriptions come back
/// by themselves.
///
/// publish, subscribe, ping and the end of a subscription may come from any thread. Events are told on the
/// io_context; a subscription that ends there is told nothing more, one that ends elsewhere may be told one
/// more. Each subscription gets "" as soon as it is, or is again, in place: from then on nothing is missed.
/// While Redis is away it gets "" now and then.
class RedisLive final : public Live {
  public:
    /// Throws Failure redis.bad_url. `io` and `random` outlive it; `random` is used on io's thread.
    RedisLive(boost::asio::io_context& io, RedisLiveSettings settings, Random& random);
    ~RedisLive() override;

    void publish(std::string_view channel, std::string payload) override;
    std::unique_ptr<Subscription> subscribe(std::string channel,
                                            std::function<void(std::string_view payload)> on_event) override;

    /// Whether Redis answers, on both connections; after two commands' deadlines at the latest, and at once
    /// where the wait is cancelled. May be awaited on any executor, while this object lives.
    Task<bool> ping();
    /// Events that were dropped since the start.
    std::uint64_t dropped() const;

  private:
    class Hub;
    class Ticket;
    std::shared_ptr<Hub> hub_;
};

}  // namespace relevo
