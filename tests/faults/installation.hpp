#pragma once

#include <functional>
#include <string>
#include <vector>

#include "domain/secret.hpp"
#include "runtime/pipeline.hpp"
#include "tests/faults/books.hpp"
#include "tests/faults/worker.hpp"

namespace relevo::faults {

/// A shop with one WhatsApp number.
struct Shop {
    std::int64_t tenant = 0;
    std::string account;  ///< the number's id
    std::string key;      ///< of its webhook's address
    Secret app_secret;    ///< signs its webhooks
};

/// How far everybody is, while it runs.
struct Progress {
    std::int64_t open_turns = 0;
    std::int64_t pending_bubbles = 0;
    std::int64_t unclaimed = 0;
    std::int64_t timers = 0;
    std::int64_t answered_turns = 0;
    std::int64_t letters = 0;
    std::int64_t lag = 0;  ///< records that are not settled, over all groups
    bool settled() const { return open_turns + pending_bubbles + unclaimed + timers + lag == 0; }
};

/// An installation of its own on the configured servers: a database, topics and groups with a prefix, and so
/// an installation id, by which it goes in Redis. Everything blocks, and throws Failure.
class Installation {
  public:
    /// Makes it, with shops whose agents wait for `quiet` of silence.
    Installation(const Config& servers, Isolated isolated, int shops, Millis quiet);
    /// Takes all of it away again.
    void remove();

    const Isolated& isolated() const { return isolated_; }
    const std::vector<Shop>& shops() const { return shops_; }
    Progress progress();
    Rows rows();
    /// Everything that it has in Redis, and nothing else.
    void wipe_redis();

    /// Takes away what runs left behind that were killed; what is in use stays. Tells what it did.
    static void clean(const Config& servers, const std::function<void(const std::string&)>& tell);

  private:
    void make_shops(int count, Millis quiet);

    Config servers_;
    Isolated isolated_;
    Config config_;
    std::vector<PipelineSpec> pipelines_;
    std::vector<Shop> shops_;
    std::string installation_id_;
};

}  // namespace relevo::faults
