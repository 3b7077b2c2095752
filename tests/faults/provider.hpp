#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "http/server.hpp"
#include "tests/faults/books.hpp"

namespace relevo::faults {

/// How often what happens, of all calls.
struct Moods {
    double slow = 0.05;               ///< the bubble is taken some seconds later
    double refuses = 0.02;            ///< 500 or 429: not taken, ask again
    double asks_for_a_break = 0.003;  ///< 429: not taken, and not before most of a minute has passed
    double loses_answer = 0.02;       ///< taken, and whoever sent it never hears so
    double garbles = 0.01;            ///< taken, and the answer is a gateway's page
    double model_slow = 0.05;
    double model_fails = 0.03;
};

/// WhatsApp's Cloud API and an OpenAI-compatible model, as far as workers call them. It notes each bubble
/// that it takes before it answers; the model answers each message "text" of a turn with "re text".
class Provider {
  public:
    /// `taken` hears of each bubble and the id that it was given.
    using Taken = std::function<void(const Bubble&, const std::string& id)>;

    Provider(boost::asio::io_context& io, std::uint64_t seed, Moods moods, Taken taken);

    std::uint16_t port() const { return server_.port(); }
    const std::vector<Bubble>& bubbles() const { return bubbles_; }
    /// From now on all calls succeed, at once.
    void calm() { moods_ = {0, 0, 0, 0, 0, 0, 0}; }
    Task<void> stop() { return server_.stop(Millis{100}); }

  private:
    Task<HttpResponse> answer(HttpRequest request);
    Task<HttpResponse> send(HttpRequest request);
    Task<HttpResponse> complete(HttpRequest request);
    Task<void> pause(double longest_seconds);
    bool happens(double share) { return random_.uniform() < share; }

    SystemClock clock_;
    SeededRandom random_;
    Moods moods_;
    Taken taken_;
    std::vector<Bubble> bubbles_;
    HttpServer server_;
};

}  // namespace relevo::faults
