#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "domain/local_pace.hpp"
#include "domain/pace.hpp"
#include "redis/connection.hpp"

namespace relevo {

struct RedisPaceSettings {
    std::string url;
    std::string installation;  ///< keeps installations on one Redis apart
    /// Who waits for an answer is about to send: he rather guesses.
    RedisTimes times{.command_deadline = Millis{400}};
    Millis count_every{5'000};         ///< how often the workers are counted
    int workers = 1;                   ///< that count, until they were counted
    std::function<void()> on_guess{};  ///< a slot was given without Redis
};

/// The buckets of all workers in Redis, by Redis's own clock: each take is one script. While Redis is away,
/// each worker counts for itself, with its share of each limit: the limit by the number of workers when Redis
/// was last there. Wiping Redis refills the buckets, and loses nothing.
///
/// Belongs to its io_context: everything is called there (or while nothing runs it).
class RedisPace final : public Pace {
  public:
    /// Throws Failure redis.bad_url. All that is given by reference outlives it.
    RedisPace(boost::asio::io_context& io, RedisPaceSettings settings, const Clock& clock, Random& random);
    Task<Millis> take(std::vector<PaceBucket> buckets, Millis patience) override;
    bool up() const { return connection_.up(); }
    int workers() const { return workers_; }

  private:
    Task<std::optional<std::int64_t>> ask(std::vector<std::string> words);
    void count_workers();
    void count_later();

    const RedisPaceSettings settings_;
    const std::string prefix_;
    const std::string name_;  // this worker's, among those that count
    int workers_;
    LocalPace alone_;
    boost::asio::steady_timer count_;
    std::shared_ptr<int> life_ = std::make_shared<int>();  // ends with this object
    RedisConnection connection_;
};

}  // namespace relevo
