#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "http/client.hpp"
#include "tests/faults/books.hpp"
#include "tests/faults/installation.hpp"

namespace relevo::faults {

/// How often a customer does what, of all that they say.
struct Habits {
    double reacts = 0.04;
    double strange = 0.01;
    double stray = 0.01;
    double owner_steps_in = 0.003;  ///< then a human has the conversation for good
    double is_refused = 0.005;      ///< says what the model will not answer
    double says_twice = 0.1;        ///< the provider delivers the webhook again, maybe elsewhere
    double receipt_lost = 0.1;
    double pause_seconds = 12.0;  ///< at most, between two bursts
};

/// People who write to the shops in bursts, and the provider's side of the webhooks: each is delivered until
/// somebody answers 200, in the order in which the person wrote.
class Customers {
  public:
    /// `ingress` gives a port where webhooks are taken at the moment, if there is one.
    using Ingress = std::function<std::optional<std::uint16_t>()>;

    Customers(boost::asio::io_context& io, std::uint64_t seed, Habits habits, const std::vector<Shop>& shops,
              Ingress ingress);

    void start(int conversations);
    /// Nobody begins another burst.
    void stop() { stopping_ = true; }
    /// Nobody is at it any more, and every receipt is delivered.
    bool quiet() const { return busy_ == 0; }
    /// Tells the shop what became of the bubble; some of it is lost.
    void receive(const Bubble& bubble, const std::string& id);

    /// What was answered with 200.
    const std::vector<Said>& said() const { return said_; }
    std::int64_t retried() const { return retried_; }

  private:
    Task<void> live(int number);
    Task<void> say(Said said, const Shop& shop);
    Task<void> deliver(const Shop& shop, std::string body);
    Task<void> tell(Bubble bubble, std::string id);
    Said next_of(const std::string& person, bool& human);
    Task<void> pause(double longest_seconds);
    bool happens(double share) { return random_.uniform() < share; }
    void spawn(Task<void> task);

    boost::asio::io_context& io_;
    SystemClock clock_;
    SeededRandom random_;
    Habits habits_;
    const std::vector<Shop>& shops_;
    Ingress ingress_;
    PooledHttpClient http_;
    std::vector<Said> said_;
    std::int64_t count_ = 0;
    std::int64_t retried_ = 0;
    int busy_ = 0;
    bool stopping_ = false;
};

}  // namespace relevo::faults
