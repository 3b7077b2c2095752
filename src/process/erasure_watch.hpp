#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "cli/config.hpp"
#include "core/clock.hpp"

namespace relevo {

/// Brings the database up to date with the log's erasures, at the start and every ten minutes: it may have
/// been restored from a backup, or an erasure was cut off. On a thread of its own: it waits for servers.
class ErasureWatch {
  public:
    explicit ErasureWatch(const Config& config);
    ~ErasureWatch();
    ErasureWatch(const ErasureWatch&) = delete;
    ErasureWatch& operator=(const ErasureWatch&) = delete;

    /// Until it was done once, but not for longer than that: servers may be away.
    void wait_for_first(Millis longest);

  private:
    void run(const Config& config);

    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_once_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace relevo
