#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <optional>

#include "http/client.hpp"
#include "tests/fuzz/socket_pair.hpp"

using namespace relevo;
using namespace relevo::fuzz;
namespace asio = boost::asio;

namespace {

/// Everybody is at the other end of the pair.
class PairNetwork final : public Network {
  public:
    PairNetwork(asio::io_context& io, SocketPair& pair) : io_(io), pair_(pair) {}
    Task<LinkResult<std::vector<asio::ip::address>>> resolve(std::string, SteadyTime) override {
        co_return std::vector<asio::ip::address>{asio::ip::make_address("8.8.8.8")};
    }
    Task<LinkResult<asio::ip::tcp::socket>> connect(std::vector<asio::ip::tcp::endpoint>,
                                                    SteadyTime) override {
        co_return pair_.give(io_);
    }

  private:
    asio::io_context& io_;
    SocketPair& pair_;
};

struct Outcome {
    int status = 0;
    std::string body;
    bool fault = false;  // why may depend on how much was there to judge
    bool operator==(const Outcome&) const = default;
};

Outcome ask(std::string_view answer, std::size_t cut, bool streamed) {
    asio::io_context io{1};
    Outcome outcome;
    SocketPair pair;
    bool ended = false;
    {
        PooledHttpClient client(io,
                                {.max_response_head_bytes = 2'000, .ca_file = {}, .trusted_addresses = {}},
                                std::make_unique<PairNetwork>(io, pair));
        HttpCall call;
        call.url = "http://models.test/v1";
        call.max_response_bytes = 4'000;
        BodySink sink;
        if (streamed) sink = [&](std::string_view part) { outcome.body += part; };
        auto sending = client.send(std::move(call), std::move(sink));
        asio::co_spawn(io, std::move(sending), [&](std::exception_ptr error, auto reply) {
            require(!error, "an answer is no exception");
            if (reply) {
                outcome.status = reply->status;
                outcome.body += reply->body;
                require(outcome.status >= 200, "an answer is final");
                require(outcome.body.size() <= 4'000, "an answer is no longer than allowed");
            } else {
                outcome.fault = true;
                require(!reply.error().text.empty(), "a fault says why");
                require(reply.error().reached == Reached::maybe, "what was sent may have arrived");
            }
            ended = true;
        });
        pair.converse(io, answer, cut, [&] { return ended; });
    }
    io.restart();
    io.poll();
    if (outcome.fault) outcome.body.clear();  // as far as it came
    return outcome;
}

}  // namespace

// Each client would read the system's certificates, a thousand times as long as the answer takes: no call
// here is encrypted.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
    return ::setenv("SSL_CERT_FILE", "/nowhere", 1);
}

/// How the bytes are cut, and what a server answers.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(text_of(data, size));
    const std::size_t cut = 1 + input.byte();
    const auto bytes = input.rest().substr(0, 8'000);
    const auto whole = ask(bytes, bytes.size() + 1, false);
    require(whole == ask(bytes, cut, false), "an answer does not depend on how its bytes were cut");
    require(whole == ask(bytes, cut, true), "an answer does not depend on how it is taken");
    return 0;
}
